"""One CloudTrail record per API call, kept in the store's ``cloudtrail`` journal.

Record contents: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
Values of members whose name says that they are secret are hidden, as CloudTrail hides them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from cloudarium.gateway.wire.index import index
from cloudarium.kernel.clock import Clock
from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.identity import Principal
from cloudarium.kernel.ids import request_id
from cloudarium.kernel.store import Store

JOURNAL = "cloudtrail"
KEEP = 100_000
_TRIM_EVERY = 500
_READ_PREFIXES = ("Describe", "Get", "List", "Lookup", "Head", "Search", "BatchGet", "Query", "Scan", "Select")
_HIDDEN = "HIDDEN_DUE_TO_SECURITY_REASONS"
_SECRETS = frozenset(
    {
        "authparameters",
        "authtoken",
        "certificatebody",
        "clientsecret",
        "keymaterial",
        "masteruserpassword",
        "messagebody",
        "newpassword",
        "oldpassword",
        "passphrase",
        "password",
        "plaintext",
        "presharedkey",
        "privatekey",
        "secretaccesskey",
        "secretbinary",
        "secretstring",
        "sessiontoken",
        "token",
    }
)
"""Member names, in lower case, whose values are never recorded."""

_MAX_RECORD = 65_536
_encode = msgspec.json.Encoder(enc_hook=str).encode


def source_of(service: str) -> str:
    """CloudTrail's name of the source of a service's events, where the service does not say so itself."""
    row = index().rows.get(service)
    return f"{row.signing_name if row is not None else service}.amazonaws.com"


def is_read(operation: str) -> bool:
    """Whether an API name says that the call changes nothing (CloudTrail's ``readOnly``)."""
    return operation.startswith(_READ_PREFIXES)


class Audit:
    """Writes the records. A record reaches the disk with the group commit of its call, or soon after for reads."""

    def __init__(self, clock: Clock, store: Store) -> None:
        self._clock = clock
        self._store = store
        self._count = 0

    def record(
        self,
        ctx: Context,
        event_source: str,
        operation: str,
        parameters: Mapping[str, Any] | None,
        output: Mapping[str, Any] | None,
        error: AwsError | None = None,
    ) -> None:
        """Record one call with its parameters and, when it changed something, its answer."""
        now = self._clock.now()
        reads = is_read(operation)
        entry: dict[str, Any] = {
            "eventVersion": "1.11",
            "userIdentity": _identity(ctx.principal),
            "eventTime": datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "eventSource": event_source,
            "eventName": operation,
            "awsRegion": ctx.region,
            "sourceIPAddress": ctx.source_ip,
            "userAgent": ctx.user_agent,
            "requestParameters": _shown(parameters) if parameters else None,
            "responseElements": None if reads or error or not output else _shown(output),
            "requestID": ctx.request_id,
            "eventID": request_id(),
            "readOnly": reads,
            "eventType": "AwsApiCall",
            "managementEvent": True,
            "recipientAccountId": ctx.account,
            "eventCategory": "Management",
        }
        if error is not None:
            entry["errorCode"] = error.code
            entry["errorMessage"] = error.message
        data = _encode(entry)
        if len(data) > _MAX_RECORD:
            entry["requestParameters"] = entry["responseElements"] = None
            entry["additionalEventData"] = {"omitted": "requestParameters and responseElements exceed the record size"}
            data = _encode(entry)
        self._store.append(JOURNAL, ctx.scope, now, operation, data)
        self._count += 1
        if self._count % _TRIM_EVERY == 0:
            self._store.trim(JOURNAL, keep=KEEP)


def _identity(principal: Principal) -> dict[str, Any]:
    if principal.kind == "AWSService":
        return {"type": "AWSService", "invokedBy": principal.arn}
    identity: dict[str, Any] = {
        "type": principal.kind,
        "principalId": principal.principal_id,
        "arn": principal.arn,
        "accountId": principal.account,
        "accessKeyId": principal.access_key,
    }
    if principal.user_name:
        identity["userName"] = principal.user_name
    if principal.session_issuer:
        identity["sessionContext"] = {"sessionIssuer": {"type": "Role", "arn": principal.session_issuer}}
    return identity


def _shown(value: Any) -> Any:
    """Parameters as CloudTrail shows them: first letters lowered, secrets hidden, blobs left out."""
    if isinstance(value, Mapping):
        shown = {}
        secret = value.get("Type") == "SecureString"
        for name, inner in value.items():
            key = name[:1].lower() + name[1:] if isinstance(name, str) else str(name)
            if key == "parameterValue" and "ParameterKey" in value:
                # CloudFormation's, of which CloudTrail shows the names.
                continue
            shown[key] = _HIDDEN if key.lower() in _SECRETS or (secret and key == "value") else _shown(inner)
        return shown
    if isinstance(value, (list, tuple)):
        return [_shown(inner) for inner in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%b %d, %Y %I:%M:%S %p")
    if isinstance(value, (bytes, bytearray)):
        return {"omitted": "blob"}
    if value is None or isinstance(value, (str, int, float)):
        return value
    return {"omitted": "stream"}
