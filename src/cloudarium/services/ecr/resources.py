"""What is stored: repositories, images, tags, layers, uploads, and what a registry is told once.

Everything lives in the scope of its registry: an account and a region, or the account and ``PUBLIC`` for ECR Public.
Keys inside a repository begin with its name: ``<repository>@<digest>`` and ``<repository>:<tag>`` (no repository name
contains either sign). Contents are in the blob store; a record says that a repository has them. Times are cloud
seconds; 0 means never.
"""

from __future__ import annotations

from typing import Any

import msgspec

from cloudarium.kernel.store import Record, Scope

PUBLIC = "ecr-public"
"""The region under which ECR Public's records are kept: it has no regions."""

EVERYWHERE = Scope("*", "*")

MUTABLE = "MUTABLE"
STANDARD, ARCHIVE = "STANDARD", "ARCHIVE"
ACTIVE, ARCHIVED, ACTIVATING = "ACTIVE", "ARCHIVED", "ACTIVATING"


def within(repository: str, digest: str) -> str:
    """The key of a digest within a repository."""
    return f"{repository}@{digest}"


def tagged(repository: str, tag: str) -> str:
    """The key of a tag within a repository."""
    return f"{repository}:{tag}"


class Repository(Record, frozen=True, kw_only=True):
    """A repository. ``filters`` are the wildcards excluded from its tag mutability; ``catalog`` is ECR Public's."""

    TABLE = "ecr.repositories"
    KEY = "name"

    name: str
    arn: str
    created: float
    mutability: str = MUTABLE
    filters: tuple[str, ...] = ()
    scan_on_push: bool = False
    encryption: str = "AES256"
    kms_key: str = ""
    tags: dict[str, str] = msgspec.field(default_factory=dict)
    policy: str = ""
    lifecycle_policy: str = ""
    lifecycle_set: float = 0.0
    lifecycle_evaluated: float = 0.0
    catalog: dict[str, Any] = msgspec.field(default_factory=dict)


class Image(Record, frozen=True, kw_only=True):
    """A manifest in a repository. ``blobs`` and ``children`` are keys (``within``) of what it refers to."""

    TABLE = "ecr.images"
    KEY = "key"
    INDEXES = ("repository", "blobs", "children", "subject")

    key: str
    repository: str
    digest: str
    media_type: str
    artifact_type: str = ""
    config_type: str = ""
    annotations: dict[str, str] = msgspec.field(default_factory=dict)
    manifest_size: int = 0
    size: int = 0
    """What the API calls imageSizeInBytes."""
    blobs: tuple[str, ...] = ()
    children: tuple[str, ...] = ()
    subject: str = ""
    """Key of the manifest that this one is about, which need not be there."""
    pushed: float = 0.0
    pulled: float = 0.0
    status: str = ACTIVE
    archived: float = 0.0
    activated: float = 0.0
    active_from: float = 0.0
    scan_due: bool = False
    """Whether it was pushed while its repository scanned on push."""


class Tag(Record, frozen=True, kw_only=True):
    """A name for an image."""

    TABLE = "ecr.tags"
    KEY = "key"
    INDEXES = ("image", "repository")

    key: str
    repository: str
    tag: str
    image: str
    """The image's key."""
    created: float = 0.0


class Layer(Record, frozen=True, kw_only=True):
    """A blob that a repository has."""

    TABLE = "ecr.layers"
    KEY = "key"
    INDEXES = ("repository", "digest")

    key: str
    repository: str
    digest: str
    size: int
    uploaded: float
    media_type: str = ""


class LayerUpload(Record, frozen=True, kw_only=True):
    """An upload under way; its bytes are the blob store's. ``short_part``: a part below the least size has come."""

    TABLE = "ecr.uploads"
    KEY = "id"
    INDEXES = ("repository",)

    id: str
    repository: str
    begun: float
    short_part: bool = False
    broken: bool = False
    """Whether a part followed a short one, which only the last may be."""


class Preview(Record, frozen=True, kw_only=True):
    """A lifecycle policy tried out. ``results`` are rows of the API's previewResults."""

    TABLE = "ecr.previews"
    KEY = "repository"

    repository: str
    policy: str
    started: float
    status: str = "IN_PROGRESS"
    results: tuple[dict[str, Any], ...] = ()


class Registry(Record, frozen=True, kw_only=True):
    """What an account has told its registry of one region. ``key`` is always ``registry``."""

    TABLE = "ecr.registries"
    KEY = "key"

    key: str = "registry"
    policy: str = ""
    replication: tuple[dict[str, Any], ...] = ()
    scan_type: str = "BASIC"
    scan_rules: tuple[dict[str, Any], ...] = ()
    settings: dict[str, str] = msgspec.field(default_factory=dict)
    pull_time_exclusions: tuple[str, ...] = ()
    display_name: str = ""


class Replication(Record, frozen=True, kw_only=True):
    """An image on its way to, or arrived at, another registry. ``deletes``: the image's deletion is what travels."""

    TABLE = "ecr.replications"
    KEY = "key"
    INDEXES = ("image",)

    key: str
    image: str
    repository: str
    digest: str
    tag: str
    region: str
    account: str
    status: str = "IN_PROGRESS"
    failure: str = ""
    deletes: bool = False


class CacheRule(Record, frozen=True, kw_only=True):
    """A pull through cache rule."""

    TABLE = "ecr.cache_rules"
    KEY = "prefix"

    prefix: str
    url: str
    registry: str
    created: float
    updated: float
    upstream_prefix: str = ""
    credential_arn: str = ""
    role_arn: str = ""


class Cached(Record, frozen=True, kw_only=True):
    """When a tag that came through a cache rule was last compared with its upstream."""

    TABLE = "ecr.cached"
    KEY = "key"

    key: str
    checked: float


class Template(Record, frozen=True, kw_only=True):
    """A repository creation template: its settings as the API gave them."""

    TABLE = "ecr.templates"
    KEY = "prefix"

    prefix: str
    settings: dict[str, Any]
    created: float
    updated: float


class Key(Record, frozen=True, kw_only=True):
    """The secret that tokens and download addresses are signed with."""

    TABLE = "ecr.keys"
    KEY = "id"

    id: str
    secret: bytes


class Alias(Record, frozen=True, kw_only=True):
    """The name of an account's public registry, kept in the scope ``EVERYWHERE``."""

    TABLE = "ecr.aliases"
    KEY = "alias"
    INDEXES = ("account",)

    alias: str
    account: str
