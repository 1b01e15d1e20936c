"""Clients of the container registry: OCI layouts made by hand, skopeo and its kin, and plain HTTP."""

from __future__ import annotations

import base64
import gzip
import hashlib
import http.client
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.support.aws import Account

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def digest_of(data: bytes) -> str:
    """The digest of some bytes."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


class Layout:
    """An OCI image layout in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "blobs" / "sha256").mkdir(parents=True)
        (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        self._rows: list[dict[str, Any]] = []

    def blob(self, data: bytes, media_type: str) -> dict[str, Any]:
        """Add content; its descriptor."""
        digest = digest_of(data)
        (self.folder / "blobs" / "sha256" / digest.partition(":")[2]).write_bytes(data)
        return {"mediaType": media_type, "digest": digest, "size": len(data)}

    def image(self, name: str, files: dict[str, bytes], architecture: str = "amd64", **config: Any) -> dict[str, Any]:
        """Add an image of one layer; its descriptor."""
        raw = io.BytesIO()
        with tarfile.open(fileobj=raw, mode="w") as archive:
            for path, data in files.items():
                member = tarfile.TarInfo(path)
                member.size, member.mode = len(data), 0o755
                archive.addfile(member, io.BytesIO(data))
        rootfs = {"type": "layers", "diff_ids": [digest_of(raw.getvalue())]}
        about = {"architecture": architecture, "os": "linux", "config": config, "rootfs": rootfs}
        layer = self.blob(gzip.compress(raw.getvalue(), 1, mtime=0), LAYER)
        return self.manifest(name, self.blob(json.dumps(about).encode(), CONFIG), [layer])

    def manifest(self, name: str, config: dict[str, Any], layers: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        """Add a manifest; its descriptor."""
        document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers, **more}
        return self._named(name, self.blob(json.dumps(document).encode(), MANIFEST))

    def index(self, name: str, *images: tuple[dict[str, Any], str]) -> dict[str, Any]:
        """Add an index of images and their architectures; its descriptor."""
        rows = [{**image, "platform": {"os": "linux", "architecture": machine}} for image, machine in images]
        document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": rows}
        return self._named(name, self.blob(json.dumps(document).encode(), INDEX))

    def _named(self, name: str, descriptor: dict[str, Any]) -> dict[str, Any]:
        if name:
            self._rows.append({**descriptor, "annotations": {"org.opencontainers.image.ref.name": name}})
            (self.folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": self._rows}))
        return descriptor


class Answer(NamedTuple):
    """A response over HTTP; names of headers in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)

    def error(self) -> tuple[int, str, str]:
        """Status, code and message of an error."""
        first = self.json()["errors"][0]
        return self.status, first["code"], first["message"]


class Registry:
    """An account's private registry."""

    def __init__(self, account: Account, folder: Path) -> None:
        self.account = account
        self.folder = folder
        self.host = f"localhost:{account.cloud.port}"
        self.aws_host = f"{account.number}.dkr.ecr.{account.region}.amazonaws.com"
        self._login = folder / "auth.json"

    def uri(self, name: str) -> str:
        """What ``repositoryUri`` says of a repository."""
        return f"{self.host}/{self.aws_host}/{name}"

    def create(self, name: str, **settings: Any) -> str:
        """Make a repository; its ``repositoryUri``."""
        uri: str = self.account.ecr.create_repository(repositoryName=name, **settings)["repository"]["repositoryUri"]
        return uri

    def password(self) -> str:
        """What ``aws ecr get-login-password`` prints."""
        aws = Path(sys.executable).parent / "aws"
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder)} | self.account.environment
        line = [sys.executable, str(aws), "ecr", "get-login-password"]
        return subprocess.run(line, env=environment, capture_output=True, text=True, timeout=60, check=True).stdout

    def token(self) -> str:
        """The same through boto3, as ``AWS:…`` in base64."""
        row = self.account.ecr.get_authorization_token()["authorizationData"][0]
        return str(row["authorizationToken"])

    def login(self) -> None:
        """``skopeo login`` with the password of the CLI, on standard input as documented."""
        line = ["login", "--tls-verify=false", "--username", "AWS", "--password-stdin", self.host]
        self.run("skopeo", *line, stdin=self.password())

    def run(self, program: str, *arguments: str, stdin: str = "", accept: int = 0) -> str:
        """A client that keeps its credentials where ``login`` put them; its output. Skips when it is absent."""
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "REGISTRY_AUTH_FILE": str(self._login)}
        done = subprocess.run(
            [program, *arguments], env=environment, input=stdin, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == accept or (accept and done.returncode), f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def copy(self, source: str, target: str, *options: str, accept: int = 0) -> str:
        """``skopeo copy``."""
        plain = ["--src-tls-verify=false", "--dest-tls-verify=false"]
        sides = {"--src-tls-verify=false": source, "--dest-tls-verify=false": target}
        chosen = [flag for flag in plain if sides[flag].startswith("docker://")]
        return self.run("skopeo", "copy", *chosen, *options, source, target, accept=accept)

    def http(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        auth: str | None = None,
        host: str = "",
        **fields: str,
    ) -> Answer:
        """One request with the account's credentials (``auth=""``: without); ``fields`` are headers, _ for -."""
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        if host:
            headers["Host"] = host
        credentials = f"Basic {self.token()}" if auth is None else auth
        if credentials:
            headers["Authorization"] = credentials
        connection = http.client.HTTPConnection("127.0.0.1", self.account.cloud.port, timeout=30)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()


def basic(user: str, password: str) -> str:
    """A Basic Authorization header."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"
