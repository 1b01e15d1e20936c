"""Who one is to a registry: what a task says, else what the usual files of this machine's user say.

https://docs.docker.com/reference/cli/docker/login/ and containers-auth.json(5). Programs that keep credentials
(``credHelpers``, ``credsStore``) are not run: where one is responsible for a registry, that is refused by name.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from cloudarium.substrate.images.errors import UnsupportedCredentials
from cloudarium.substrate.images.references import DOCKER_HUB, Reference

_HUB_KEYS = ("https://index.docker.io/v1/", "index.docker.io", "docker.io", "registry-1.docker.io")
_MAX_FILE = 1 << 20


class RegistryAuth(msgspec.Struct, frozen=True, kw_only=True):
    """A user name and password (or access token)."""

    username: str
    password: str

    def basic(self) -> str:
        """The value of an ``Authorization`` header."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


class _File(msgspec.Struct, rename="camel"):
    auths: dict[str, dict[str, Any]] = {}
    cred_helpers: dict[str, str] = {}
    creds_store: str = ""


def find_credentials(reference: Reference) -> RegistryAuth | None:
    """The credentials for a registry in this user's files, the first that knows it; None for an anonymous pull."""
    for path in _places():
        try:
            with path.open("rb") as file:
                found = msgspec.json.decode(file.read(_MAX_FILE), type=_File)
        except (OSError, msgspec.MsgspecError, RecursionError):
            continue
        if (auth := credentials_in(found, reference, str(path))) is not None:
            return auth
    return None


def credentials_in(file: _File, reference: Reference, where: str) -> RegistryAuth | None:
    """The credentials of one file. Raises ``UnsupportedCredentials``."""
    keys = _HUB_KEYS if reference.host == DOCKER_HUB else (reference.host,)
    # The longest path first: a file may tell one repository's credentials from its registry's.
    parts = reference.path.split("/")
    paths = [f"{key}/{'/'.join(parts[:length])}" for key in keys for length in range(len(parts), 0, -1)]
    for key in (*paths, *keys, *(f"https://{key}" for key in keys)):
        entry = file.auths.get(key) or {}
        if entry.get("identitytoken"):
            raise UnsupportedCredentials(f"the identity token for {key} in {where} is not supported: log in anew")
        if isinstance(entry.get("username"), str) and isinstance(entry.get("password"), str):
            return RegistryAuth(username=entry["username"], password=entry["password"])
        if isinstance(entry.get("auth"), str) and entry["auth"]:
            return _decode(entry["auth"], where)
        if helper := file.cred_helpers.get(key):
            raise UnsupportedCredentials(
                f"the credentials for {key} are kept by docker-credential-{helper} ({where}), which is not run here"
            )
    if file.creds_store and any(key in file.auths for key in keys):
        raise UnsupportedCredentials(
            f"the credentials for {keys[0]} are kept by docker-credential-{file.creds_store} ({where}), "
            "which is not run here"
        )
    return None


def _decode(text: str, where: str) -> RegistryAuth:
    try:
        user, colon, password = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise UnsupportedCredentials(f"credentials in {where} are not base64: {error}") from error
    if not colon:
        raise UnsupportedCredentials(f"credentials in {where} have no password")
    return RegistryAuth(username=user, password=password.rstrip("\0"))


def _places() -> Iterator[Path]:
    if explicit := os.environ.get("REGISTRY_AUTH_FILE"):
        yield Path(explicit)
    if runtime := os.environ.get("XDG_RUNTIME_DIR"):
        yield Path(runtime, "containers/auth.json")
    home = Path(os.path.expanduser("~"))
    yield home / ".config/containers/auth.json"
    yield Path(os.environ.get("DOCKER_CONFIG") or home / ".docker") / "config.json"
