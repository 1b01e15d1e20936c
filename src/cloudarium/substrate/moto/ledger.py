"""What moto has, read from its files without importing it: the cloud must stay small."""

from __future__ import annotations

import importlib.util
import re
from functools import lru_cache
from pathlib import Path

import msgspec

_FOLDERS = {"docdb": "rds", "es": "opensearch", "lambda": "awslambda", "neptune": "rds"}
"""Where moto keeps a service whose folder is not called as botocore calls it."""
_ANSWERED = {
    "polly": "DeleteLexicon DescribeVoices GetLexicon ListLexicons PutLexicon SynthesizeSpeech",
    "s3": (
        "CompleteMultipartUpload CreateBucket CreateMultipartUpload DeleteObjects GetBucketLifecycleConfiguration "
        "GetBucketNotificationConfiguration GetBucketTagging ListBuckets PutBucketAccelerateConfiguration PutBucketAcl "
        "PutBucketCors PutBucketEncryption PutBucketInventoryConfiguration PutBucketLifecycle "
        "PutBucketLifecycleConfiguration PutBucketLogging PutBucketNotification PutBucketNotificationConfiguration "
        "PutBucketOwnershipControls PutBucketPolicy PutBucketReplication PutBucketTagging PutBucketVersioning "
        "PutBucketWebsite PutObjectLockConfiguration PutPublicAccessBlock RestoreObject SelectObjectContent"
    ),
    "xray": ("BatchGetTraces GetServiceGraph GetTraceGraph GetTraceSummaries PutTelemetryRecords PutTraceSegments"),
}
"""Operations that moto has without a method of their name."""
_STRICT = frozenset({"s3"})
"""Services in which moto takes an operation that it does not know for another one of the same method and path."""
_METHOD = re.compile(r"^    def ([a-z]\w*)\(\s*self\b", re.MULTILINE)


class _Model(msgspec.Struct):
    operations: dict[str, msgspec.Raw]


@lru_cache
def _package(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def installed() -> bool:
    """Whether moto can be imported."""
    return _package("moto") is not None


@lru_cache
def version() -> str:
    """The version of moto, without importing it; empty when it is not installed."""
    from importlib import metadata

    try:
        return metadata.version("moto")
    except metadata.PackageNotFoundError:
        return ""


@lru_cache
def folder_of(service: str) -> Path | None:
    """The folder moto has for a service by botocore's name, or None when it has none."""
    package = _package("moto")
    if package is None or not re.fullmatch(r"[a-z0-9-]+", service):
        return None
    folder = package / _FOLDERS.get(service, service.replace("-", ""))
    return folder if (folder / "urls.py").is_file() and service not in ("core", "moto-api") else None


@lru_cache
def operations(service: str) -> dict[str, bool]:
    """Every operation AWS has for a service by API name, and whether moto has a method for it."""
    names = _modelled(service)
    folder = folder_of(service)
    methods: set[str] = set()
    if folder is not None:
        for source in [*folder.glob("responses*.py"), *folder.glob("responses/*.py")]:
            methods.update(name.replace("_", "") for name in _METHOD.findall(source.read_text()))
    also = _ANSWERED.get(service, "").split() if folder is not None else []
    return {name: name.lower() in methods or name in also for name in names}


def mistaken(service: str, operation: str) -> bool:
    """Whether moto would do something else than this operation, which it does not have."""
    return service in _STRICT and not operations(service).get(operation, True)


def _modelled(service: str) -> list[str]:
    import gzip

    botocore = _package("botocore")
    if botocore is None:
        return []
    versions = sorted((botocore / "data" / service).glob("*/service-2.json*"))
    if not versions:
        return []
    data = versions[-1].read_bytes()
    data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    return sorted(msgspec.json.decode(data, type=_Model).operations)
