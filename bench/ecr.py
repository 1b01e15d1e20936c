"""The registry beside Debian's docker-registry (distribution): 500 MB pushed and pulled with skopeo.

    python bench/ecr.py [--rounds 3]

One image of two layers of random bytes, so that nothing compresses. Registries take turns within each round; every push
begins with an empty repository. Memory is the proportional set of each server's processes while it serves.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import report
from load import CannotMeasure
from processes import Watch, cloudarium, environment, free_port, http_ok, running, tree

ACCOUNT = "111122223333"
LAYERS, LAYER_BYTES = 2, 250_000_000
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@dataclass
class Contender:
    """A registry, how to empty it, and what it took (seconds)."""

    name: str
    image: str
    pid: int
    empty: Callable[[], None]
    push: list[float] = field(default_factory=list)
    pull: list[float] = field(default_factory=list)
    grown: float = 0.0
    """MiB by which its memory rose at most."""


def layout(folder: Path) -> Path:
    """An OCI layout with one image ``v1``."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def put(data: bytes, kind: str) -> dict[str, Any]:
        name = hashlib.sha256(data).hexdigest()
        (blobs / name).write_bytes(data)
        return {"mediaType": kind, "digest": f"sha256:{name}", "size": len(data)}

    kind = "application/vnd.oci.image.layer.v1.tar+gzip"
    layers = [put(os.urandom(LAYER_BYTES), kind) for _ in range(LAYERS)]
    rootfs = {"type": "layers", "diff_ids": [each["digest"] for each in layers]}
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs}).encode()
    described = put(config, "application/vnd.oci.image.config.v1+json")
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": described, "layers": layers}
    row = put(json.dumps(manifest).encode(), MANIFEST)
    row["annotations"] = {"org.opencontainers.image.ref.name": "v1"}
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [row]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return folder


def skopeo(*arguments: str) -> float:
    """The seconds that a copy took."""
    began = time.perf_counter()
    done = subprocess.run(["skopeo", "copy", "--quiet", *arguments], capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise CannotMeasure(done.stderr)
    return time.perf_counter() - began


def api(port: int) -> Any:
    """ECR of the cloud."""
    import boto3

    session = boto3.Session(ACCOUNT, "bench", region_name="us-east-1")
    return session.client("ecr", endpoint_url=f"http://127.0.0.1:{port}")


def measure(contenders: list[Contender], image: Path, credentials: str, folder: Path, rounds: int) -> None:
    """Push and pull in turns."""
    for number in range(rounds):
        for each in contenders if number % 2 == 0 else contenders[::-1]:
            each.empty()
            os.sync()
            with Watch(tree(each.pid)) as watch:
                login = ["--dest-creds", credentials, "--dest-tls-verify=false"]
                each.push.append(skopeo(*login, f"oci:{image}:v1", f"docker://{each.image}:v1"))
                login = ["--src-creds", credentials, "--src-tls-verify=false"]
                each.pull.append(skopeo(*login, f"docker://{each.image}:v1", f"dir:{folder / 'out'}"))
            each.grown = max(each.grown, watch.peak - watch.before)
            shutil.rmtree(folder / "out")


def main() -> None:
    """Measure, and print or publish."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=3)
    rounds = options.parse_args().rounds
    for program in ("skopeo", "docker-registry"):
        if shutil.which(program) is None:
            raise CannotMeasure(f"{program} is not installed")
    versions = {"docker-registry": report.version_of("docker-registry", "--version")}
    conditions = report.conditions(skopeo=report.version_of("skopeo", "--version"), **versions)
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch, contextlib.ExitStack() as stack:
        folder = Path(scratch)
        image = layout(folder / "image")
        ours, theirs = free_port(), free_port()
        env = environment(XDG_RUNTIME_DIR=str(folder))
        command = cloudarium("up", "--port", str(ours), "--data", str(folder / "data"))
        ready = lambda: http_ok(ours, "/_cloudarium/health")  # noqa: E731
        pid, _ = stack.enter_context(running(command, ready, env, folder))
        kept = folder / "distribution"
        (folder / "registry.yml").write_text(
            f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {kept}}}}}\n"
            f"http: {{addr: '127.0.0.1:{theirs}'}}\nlog: {{level: error, accesslog: {{disabled: true}}}}\n"
        )
        serve = ["docker-registry", "serve", str(folder / "registry.yml")]
        rival, _ = stack.enter_context(running(serve, lambda: http_ok(theirs, "/v2/"), env, folder))
        ecr = api(ours)
        uri = ecr.create_repository(repositoryName="bench")["repository"]["repositoryUri"]
        token = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]

        def empty() -> None:
            ecr.delete_repository(repositoryName="bench", force=True)
            ecr.create_repository(repositoryName="bench")

        contenders = [
            Contender("Cloudarium", uri, pid, empty),
            Contender(
                "docker-registry", f"localhost:{theirs}/bench", rival, lambda: shutil.rmtree(kept, ignore_errors=True)
            ),
        ]
        measure(contenders, image, base64.b64decode(token).decode(), folder, rounds)
    rows = [
        [each.name, f"{statistics.median(each.push):.2f}", f"{statistics.median(each.pull):.2f}", f"{each.grown:.0f}"]
        for each in contenders
    ]
    text = f"{conditions} · {LAYERS} layers of {LAYER_BYTES // 10**6} MB, median of {rounds}\n\n"
    text += report.table(["registry", "push s", "pull s", "memory grew at most, MiB"], rows)
    if "<!-- ecr:begin -->" in report.DOCUMENT.read_text():
        report.publish("ecr", text)
    else:
        print(text)


if __name__ == "__main__":
    main()
