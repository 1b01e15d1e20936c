r"""Names of registries and repositories, and how a path of the registry names one. Pure.

``repositoryUri`` is ``localhost:<port>/<account>.dkr.ecr.<region>.amazonaws.com/<repository>``: AWS's own name behind
the one port. Why:

- It works as printed. ``localhost`` resolves on every machine, which ``<account>.dkr.ecr.….localhost`` does not, and
  docker, podman and skopeo let ``localhost`` (docker: all of 127.0.0.0/8) speak plain HTTP. AWS's bare name would lead
  out to AWS itself.
- It says whose repository it is. Several accounts and regions are told apart by the name, as on AWS, not by who is
  logged in. A token is worth what its principal may do, in any registry, as on AWS; so the one login that docker
  keeps for ``localhost:<port>`` serves all of an account's regions.
- What tools look for in an ECR name (``\d+\.dkr\.ecr\.``) is in it, and what is behind the first slash is AWS's
  name: the same text with ``localhost:<port>/`` cut off is good inside VPCs, where AWS's names lead here.

So three forms of one repository reach the registry: by Host (``<account>.dkr.ecr.<region>.amazonaws.com``, or the same
under ``localhost``), by that name as the first part of the path, and bare (``localhost:<port>/<repository>``), which
means the account and region of the token that comes along. ECR Public likewise: Host ``public.ecr.aws``, or
``localhost:<port>/public.ecr.aws/<alias>/<repository>``.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from cloudarium.kernel.identity import PARTITION
from cloudarium.kernel.store import Scope

REPOSITORY = re.compile(
    r"(?=.{2,256}\Z)[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
)
REPOSITORY_TEXT = r"(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*"
"""The pattern as AWS's messages quote it."""
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
TAG_MOST = 300
DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
PUBLIC_HOST = "public.ecr.aws"

_PRIVATE = re.compile(
    r"(\d{12})\.dkr(?:\.|-)ecr(?:-fips)?\.([a-z0-9-]{2,30})\.(?:amazonaws\.com|amazonaws\.com\.cn|on\.aws|localhost)"
)
_LOCAL_PUBLIC = (PUBLIC_HOST, f"{PUBLIC_HOST}.localhost")


class Place(NamedTuple):
    """Which registry a request means. ``scope`` None: the private one of the token; ``public``: ECR Public's."""

    scope: Scope | None = None
    public: bool = False


BY_TOKEN = Place()
THE_PUBLIC = Place(public=True)


def registry_host(scope: Scope) -> str:
    """AWS's name of a private registry."""
    return f"{scope.account}.dkr.ecr.{scope.region}.amazonaws.com"


def repository_uri(port: int, scope: Scope, name: str) -> str:
    """What to push to and pull from (see the module's docstring)."""
    return f"localhost:{port}/{registry_host(scope)}/{name}"


def public_uri(port: int, alias: str, name: str) -> str:
    """The same for ECR Public."""
    return f"localhost:{port}/{PUBLIC_HOST}/{alias}/{name}"


def repository_arn(scope: Scope, name: str) -> str:
    """A repository's ARN."""
    return f"arn:{PARTITION}:ecr:{scope.region}:{scope.account}:repository/{name}"


def place_of_host(host: str) -> Place | None:
    """The registry that a lower-case host name without port names; None for any other name."""
    if host in _LOCAL_PUBLIC:
        return THE_PUBLIC
    found = _PRIVATE.fullmatch(host)
    return Place(Scope(found[1], found[2])) if found else None


def place_of_path(name: str) -> tuple[Place, str]:
    """The registry and repository that a name in a path means when the host does not say which registry."""
    first, slash, rest = name.partition("/")
    if slash and (place := place_of_host(first)) is not None:
        return place, rest
    return BY_TOKEN, name


def is_repository(name: str) -> bool:
    """Whether a name has the form of a private repository's."""
    return REPOSITORY.fullmatch(name) is not None


def is_tag(text: str) -> bool:
    """Whether a text may be a tag."""
    return TAG.fullmatch(text) is not None


def is_digest(text: str) -> bool:
    """Whether a text is a digest of an algorithm known here."""
    return DIGEST.fullmatch(text) is not None
