"""Names of images: which registry is meant.

ECR's ``repositoryUri`` is ``localhost:<port>/`` and AWS's own name here; either form is good, as it is for ECR Public.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html (image)
"""

from __future__ import annotations

import re
from typing import NamedTuple

_ECR = re.compile(
    r"(?P<account>\d{12})\.dkr[.-]ecr(?:-fips)?\.(?P<region>[a-z0-9-]+)\."
    r"(?:amazonaws\.com(?:\.cn)?|on\.aws|localhost(?::\d+)?)$"
)


PUBLIC = "public.ecr.aws"


class EcrImage(NamedTuple):
    """An image in a private ECR registry."""

    account: str
    region: str
    repository: str
    tag: str
    digest: str

    @property
    def id(self) -> dict[str, str]:
        """The image identifier of BatchGetImage."""
        return {"imageDigest": self.digest} if self.digest else {"imageTag": self.tag or "latest"}


def split(image: str) -> tuple[str, str, str, str]:
    """Registry host (empty for none), repository, tag and digest of an image's name."""
    name, _, digest = image.partition("@")
    host, slash, rest = name.partition("/")
    if not slash or not ("." in host or ":" in host or host == "localhost"):
        host, rest = "", name
    repository, colon, tag = rest.rpartition(":")
    if not colon or "/" in tag:
        repository, tag = rest, ""
    return host, repository, tag, digest


def canonical(image: str) -> str:
    """The name without ``localhost:<port>/`` before AWS's own name of an ECR registry, private or public."""
    first, slash, rest = image.partition("/")
    host = rest.partition("/")[0]
    if slash and re.fullmatch(r"(?:localhost|127\.0\.0\.1):\d+", first) and (_ECR.match(host) or host == PUBLIC):
        return rest
    return image


def ecr_image(image: str) -> EcrImage | None:
    """The image when its name is that of a private ECR registry, else None."""
    host, repository, tag, digest = split(canonical(image))
    match = _ECR.match(host)
    if match is None or not repository:
        return None
    return EcrImage(match["account"], match["region"], repository, tag, digest)
