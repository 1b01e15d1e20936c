"""What ``valueFrom`` of a secret means.

    /path/name, name                                   a parameter of the same region
    arn:aws:ssm:<region>:<account>:parameter/<name>    a parameter
    arn:aws:secretsmanager:<region>:<account>:secret:<name>[:json-key:version-stage:version-id]

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html
"""

from __future__ import annotations

import json
from typing import NamedTuple


class Reference(NamedTuple):
    """Where a secret's value is."""

    service: str
    """``ssm`` or ``secretsmanager``."""
    identifier: str
    """A parameter's name or ARN, or a secret's ARN without what follows it."""
    region: str = ""
    """Empty for the task's own."""
    json_key: str = ""
    version_stage: str = ""
    version_id: str = ""


class BadReference(Exception):
    """``valueFrom`` names nothing that could hold a secret."""


def parse(value_from: str) -> Reference:
    """The reference; raises BadReference."""
    if not value_from.startswith("arn:"):
        if not value_from:
            raise BadReference("invalid secret: valueFrom is empty")
        return Reference("ssm", value_from)
    parts = value_from.split(":")
    if len(parts) >= 6 and parts[2] == "ssm" and parts[5].startswith("parameter"):
        return Reference("ssm", value_from, parts[3])
    if parts[2:3] == ["secretsmanager"] and 7 <= len(parts) <= 10 and parts[5] == "secret":
        json_key, stage, version = (*parts[7:], "", "", "")[:3]
        return Reference("secretsmanager", ":".join(parts[:7]), parts[3], json_key, stage, version)
    raise BadReference(f"invalid secret: {value_from} is neither a parameter nor a secret")


def pick(text: str, json_key: str) -> str:
    """The value of a JSON key within a secret, or the whole secret without one; raises BadReference."""
    if not json_key:
        return text
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise BadReference("unable to parse secret value as JSON")
    if json_key not in document:
        raise BadReference(f"retrieved secret from Secrets Manager did not contain json key {json_key}")
    value = document[json_key]
    return value if isinstance(value, str) else json.dumps(value)
