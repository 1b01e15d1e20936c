"""Terraform with providers from a local mirror, so that a test needs no network."""

from __future__ import annotations

import glob
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

_AWS = "*/hashicorp/aws"
"""Where a mirror keeps the provider, below a folder per registry."""


def mirror() -> Path | None:
    """A folder that holds AWS's provider: $TF_PLUGIN_MIRROR, Terraform's implied ones, or one below /opt."""
    candidates = [os.environ.get("TF_PLUGIN_MIRROR", ""), os.path.expanduser("~/.terraform.d/plugins")]
    candidates += ["/usr/local/share/terraform/plugins", "/usr/share/terraform/plugins", *sorted(glob.glob("/opt/*"))]
    return next((Path(path) for path in candidates if path and glob.glob(f"{path}/{_AWS}")), None)


class Terraform:
    """A copy of a configuration, with its state, in a folder of its own."""

    def __init__(self, configuration: Path, folder: Path, variables: Mapping[str, Any]) -> None:
        """Skips the test when Terraform or a mirror with AWS's provider is missing."""
        program, plugins = shutil.which("terraform"), mirror()
        if program is None:
            pytest.skip("terraform is not installed")
        if plugins is None:
            pytest.skip("no local mirror of Terraform's AWS provider (set TF_PLUGIN_MIRROR)")
        self._program = program
        self.folder = folder / "configuration"
        shutil.copytree(configuration, self.folder)
        settings = folder / "terraformrc"
        settings.write_text(
            f'provider_installation {{\n  filesystem_mirror {{\n    path = "{plugins}"\n  }}\n}}\n'
            "disable_checkpoint = true\n"
        )
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "TF_CLI_CONFIG_FILE": str(settings),
            "TF_IN_AUTOMATION": "1",
            # The provider spends a third of its time on collecting garbage otherwise; it ends in seconds anyway.
            "GOGC": "400",
            "AWS_CONFIG_FILE": "/nonexistent",
            "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        self.variables = dict(variables)
        self.run("init", "-input=false")

    def run(self, command: str, *arguments: str, accept: tuple[int, ...] = (0,)) -> subprocess.CompletedProcess[str]:
        """One command. Raises AssertionError with its output when it ends with an unexpected status."""
        (self.folder / "terraform.tfvars.json").write_text(json.dumps(self.variables))
        line = [self._program, command, "-no-color", *arguments]
        done = subprocess.run(line, cwd=self.folder, env=self._environment, capture_output=True, text=True, timeout=600)
        assert done.returncode in accept, (
            f"terraform {command} ended with {done.returncode}\n{done.stdout}{done.stderr}"
        )
        return done

    def apply(self) -> dict[str, Any]:
        """Apply; returns the outputs."""
        self.run("apply", "-auto-approve", "-input=false")
        found = json.loads(self.run("output", "-json").stdout)
        return {name: output["value"] for name, output in found.items()}

    def drift(self) -> str:
        """What a plan would change: empty when nothing."""
        done = self.run("plan", "-detailed-exitcode", "-input=false", accept=(0, 2))
        return done.stdout if done.returncode == 2 else ""

    def destroy(self) -> None:
        """Destroy everything."""
        self.run("destroy", "-auto-approve", "-input=false")
