"""JavaScript clients: packages from npm, installed once into a cache folder outside the checkout."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.support.aws import Account

_PATIENCE = 120
"""Host seconds for npm, and for a program."""


def packages(*names: str) -> Path:
    """The ``node_modules`` that has these packages. Skips the test where Node.js, npm or its registry is missing."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("Node.js with npm is not installed")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cloudarium-tests"
    folder = cache / f"npm-{hashlib.sha256(' '.join(sorted(names)).encode()).hexdigest()[:16]}"
    if not (folder / "node_modules").is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as made:
            (Path(made) / "package.json").write_text(json.dumps({"name": "clients", "private": True}))
            line = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=0", *names]
            try:
                done = subprocess.run(line, cwd=made, capture_output=True, text=True, timeout=_PATIENCE)
            except subprocess.TimeoutExpired:
                pytest.skip(f"npm did not install {names[0]} … within {_PATIENCE} s")
            if done.returncode:
                pytest.skip(f"npm cannot install {names[0]} …: {done.stderr.strip()[-300:]}")
            shutil.rmtree(folder, ignore_errors=True)
            (Path(made) / "node_modules").rename(Path(made) / "ready")
            folder.mkdir()
            (Path(made) / "ready").rename(folder / "node_modules")
    return folder / "node_modules"


def node(account: Account, modules: Path, arguments: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run ``node ARGUMENTS`` as a person of an account does, with nothing but the endpoint overridden."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(account.cloud.folder / "home"),
        "NODE_PATH": str(modules),
        "NODE_NO_WARNINGS": "1",
        "NO_COLOR": "1",
        "CI": "1",
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "CDK_DISABLE_VERSION_CHECK": "true",
        **account.environment,
    }
    line = ["node", *arguments]
    return subprocess.run(line, env=environment, cwd=folder, capture_output=True, text=True, timeout=_PATIENCE)
