"""The document of a field index policy.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatchLogs-Field-Indexing-Syntax.html
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from cloudarium.services.logs.errors import invalid

MOST_FIELDS = 20
MOST_CHARACTERS = 100
INDEX, FACET = "FIELD_INDEX", "FACET"
GENERATED = frozenset(
    {
        "@logStream", "@ingestionTime", "@requestId", "@type", "@initDuration", "@duration", "@billedDuration",
        "@memorySize", "@maxMemoryUsed", "@xrayTraceId", "@xraySegmentId",
    }
)  # fmt: skip
"""Generated fields that a policy may name; fields of the events' own that begin with @ have another one before it."""


class Indexed(NamedTuple):
    """The fields of a policy; ``facets`` are those of them that are facets too."""

    fields: tuple[str, ...]
    facets: tuple[str, ...]


def indexed(document: str) -> Indexed:
    """What a document says; raises InvalidParameterException."""
    try:
        given = msgspec.json.decode(document)
    except (msgspec.DecodeError, RecursionError) as error:
        raise invalid("The index policy document is not valid JSON.") from error
    if not isinstance(given, dict) or not given.keys() <= {"Fields", "FieldsV2"}:
        raise invalid("The index policy document must be a JSON object of Fields and FieldsV2.")
    plain = _plain(given.get("Fields", []))
    typed = _typed(given.get("FieldsV2", {}))
    if both := set(plain) & set(typed):
        raise invalid(f"Field names within Fields and FieldsV2 must be mutually exclusive: {min(both)}")
    fields = (*dict.fromkeys(plain), *typed)
    if not 1 <= len(fields) <= MOST_FIELDS:
        raise invalid(f"The index policy document must include between 1 and {MOST_FIELDS} fields.")
    for name in fields:
        _check(name)
    return Indexed(fields, tuple(name for name, kind in typed.items() if kind == FACET))


def _plain(given: Any) -> list[str]:
    if not isinstance(given, list) or not all(isinstance(name, str) for name in given):
        raise invalid("Fields of the index policy document must be an array of field names.")
    return given


def _typed(given: Any) -> dict[str, str]:
    if not isinstance(given, dict):
        raise invalid("FieldsV2 of the index policy document must be an object of field names.")
    found = {}
    for name, about in given.items():
        kind = about.get("type") if isinstance(about, dict) and about.keys() == {"type"} else None
        if kind not in (INDEX, FACET):
            raise invalid(f"The type of the field {name[:MOST_CHARACTERS]} must be {INDEX} or {FACET}.")
        found[name] = str(kind)
    return found


def _check(name: str) -> None:
    if not 1 <= len(name) <= MOST_CHARACTERS:
        raise invalid(f"The name of an indexed field must have between 1 and {MOST_CHARACTERS} characters.")
    if name.startswith("@") and not name.startswith("@@") and name not in GENERATED:
        raise invalid(f"The generated field {name} cannot be indexed.")
