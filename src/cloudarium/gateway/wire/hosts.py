"""What a Host header says: which service's endpoint, and for S3 which bucket.

https://docs.aws.amazon.com/general/latest/gr/rande.html and
https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
"""

from __future__ import annotations

import functools
import re

import msgspec

from cloudarium.gateway.wire.index import index

SUFFIXES = (".amazonaws.com.cn", ".amazonaws.com", ".api.aws", ".localhost.localstack.cloud", ".localhost")
_S3 = re.compile(r"s3(-(?!control|outposts|object)[a-z0-9-]+)?")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")


class HostHint(msgspec.Struct, frozen=True):
    """Service names the host may stand for, best first, and the bucket in front of an S3 endpoint."""

    services: tuple[str, ...] = ()
    bucket: str | None = None
    prefix: str | None = None


NOTHING = HostHint()


def read_host(host: str) -> HostHint:
    """The hint in a Host header (port ignored); never fails."""
    return _read_host(host[:300])


@functools.lru_cache(maxsize=512)
def _read_host(host: str) -> HostHint:
    name = host.lower().rstrip(".")
    if ":" in name:
        name = name.rpartition(":")[0]
    for suffix in SUFFIXES:
        if name.endswith(suffix):
            return _labels(name[: -len(suffix)].split("."))
    return NOTHING


def _labels(labels: list[str]) -> HostHint:
    for position in range(len(labels) - 1, -1, -1):
        if _S3.fullmatch(labels[position]) and all(_is_region_part(label) for label in labels[position + 1 :]):
            bucket = ".".join(labels[:position])
            return HostHint(("s3",), bucket or None)
    table = index().by_endpoint
    stripped = [label for label in labels if not _REGION.fullmatch(label)]
    for position in range(len(stripped)):
        rest = stripped[position:]
        services = table.get(".".join(rest))
        if services:
            return HostHint(tuple(services))
    return HostHint(prefix=".".join(labels))


def _is_region_part(label: str) -> bool:
    return label == "dualstack" or _REGION.fullmatch(label) is not None
