"""Names of images: ``[host[:port]/]path[:tag][@digest]``, as Docker reads them. Pure."""

from __future__ import annotations

import re

import msgspec

from cloudarium.substrate.images.digests import is_digest
from cloudarium.substrate.images.errors import InvalidReference

DOCKER_HUB = "docker.io"
_HUB_HOST = "registry-1.docker.io"

_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_PART}(?:/{_PART})*\Z")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}\Z")
_HOST = re.compile(r"(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::[0-9]{1,5})?\Z")
_MAX = 512


class Reference(msgspec.Struct, frozen=True):
    """An image in a registry."""

    host: str
    """With the port, when one was given; ``docker.io`` for Docker Hub."""
    path: str
    tag: str
    digest: str

    @property
    def endpoint(self) -> str:
        """``host[:port]`` to connect to."""
        return _HUB_HOST if self.host == DOCKER_HUB else self.host

    @property
    def wanted(self) -> str:
        """What to ask the registry for: the digest, else the tag."""
        return self.digest or self.tag

    def __str__(self) -> str:
        """In full, with what was left out."""
        return f"{self.host}/{self.path}" + (f"@{self.digest}" if self.digest else f":{self.tag}")


def parse_reference(text: str) -> Reference:
    """Raises ``InvalidReference``."""
    rest, _, digest = text.partition("@")
    if len(text) > _MAX or ((digest or "@" in text) and not is_digest(digest)):
        raise InvalidReference(f"invalid reference format: {text[:200]!r}")
    first, slash, path = rest.partition("/")
    if slash and (set(".:[") & set(first) or first == "localhost" or first != first.lower()):
        host = first
    else:
        host, path = DOCKER_HUB, rest
    head, colon, tag = path.rpartition(":")
    path, tag = (head, tag) if colon else (path, "")
    if host in ("index.docker.io", _HUB_HOST):
        host = DOCKER_HUB
    if host == DOCKER_HUB and "/" not in path:
        path = f"library/{path}"
    if not _HOST.match(host) or not _PATH.match(path) or (colon and not _TAG.match(tag)):
        raise InvalidReference(f"invalid reference format: {text[:200]!r}")
    return Reference(host, path, tag or ("" if digest else "latest"), digest)


def is_loopback(host: str) -> bool:
    """Whether a registry is on this machine: it is then spoken to without TLS, as Docker does."""
    name = host.rpartition(":")[0] if re.search(r":[0-9]+\Z", host) else host
    return name in ("localhost", "[::1]") or name.startswith("127.")


_LOCAL = re.compile(r"[a-z0-9][a-zA-Z0-9._/:-]{0,254}\Z")


def local_name(text: str) -> str:
    """A name for an imported image, ``:latest`` added where no tag is given. Raises ``InvalidReference``."""
    if not _LOCAL.match(text) or ".." in text or "//" in text:
        raise InvalidReference(f"invalid reference format: {text[:200]!r}")
    return text if ":" in text.rpartition("/")[2] else f"{text}:latest"


def short_names(text: str) -> list[str]:
    """The names an image called ``text`` may have been imported under: as it is, and without Docker Hub's host."""
    found = [text]
    for prefix in (f"{DOCKER_HUB}/library/", f"{DOCKER_HUB}/"):
        if text.startswith(prefix):
            found.append(text.removeprefix(prefix))
            break
    return [local_name(name) for name in found if _LOCAL.match(name) and ".." not in name and "//" not in name]
