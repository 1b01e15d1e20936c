"""Which calls change nothing, so that they need not be remembered.

Told by the operation's name where it is known. On the wire a request may come without one; then its parts tell.
A call wrongly taken for a change costs a line in the journal; one wrongly taken for reading would be forgotten, so
whatever is in doubt is a change.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qs

_READ = re.compile(
    r"(BatchGet|Check|Describe|Discover|Estimate|Filter|Get|Head|List|Lookup|Poll|Preview|Query|Scan|Search|Select|"
    r"Simulate|Validate|View)(?![a-z])"
)
_READS = {
    "kms": frozenset(
        {
            "Decrypt",
            "Encrypt",
            "GenerateDataKey",
            "GenerateDataKeyPair",
            "GenerateDataKeyPairWithoutPlaintext",
            "GenerateDataKeyWithoutPlaintext",
            "GenerateMac",
            "GenerateRandom",
            "ReEncrypt",
            "Sign",
            "Verify",
            "VerifyMac",
        }
    ),
    "dynamodb": frozenset({"TransactGetItems"}),
    "logs": frozenset({"TestMetricFilter"}),
    "events": frozenset({"TestEventPattern"}),
}
_CHANGES = {
    "cognito-identity": frozenset({"GetId", "GetOpenIdToken", "GetOpenIdTokenForDeveloperIdentity"}),
    "dynamodbstreams": frozenset({"GetShardIterator", "GetRecords"}),
    "kms": frozenset({"GetParametersForImport"}),
    "swf": frozenset({"PollForActivityTask", "PollForDecisionTask"}),
    "codepipeline": frozenset({"PollForJobs"}),
    "athena": frozenset({"GetQueryResults"}),
    "rds-data": frozenset({"ExecuteStatement"}),
}
_MAX_FORM = 1 << 20


def changes(service: str, operation: str, method: str) -> bool:
    """Whether a call may change something. ``operation`` is the API's name, or empty when it is not known."""
    if not operation:
        return method not in ("GET", "HEAD", "OPTIONS")
    if operation in _CHANGES.get(service, ()):
        return True
    if operation in _READS.get(service, ()):
        return False
    return _READ.match(operation) is None


def operation_of(headers: Mapping[str, str], query: str, body: bytes) -> str:
    """The operation named by a request itself: by X-Amz-Target, an RPC path, or the Action of the query protocol.

    ``headers`` by lower-case name. Empty when method and path tell it (the REST protocols).
    """
    if (target := headers.get("x-amz-target")) is not None:
        return target.rpartition(".")[2]
    if "Action=" in query:
        return parse_qs(query).get("Action", [""])[0]
    if headers.get("content-type", "").startswith("application/x-www-form-urlencoded") and len(body) <= _MAX_FORM:
        return parse_qs(body.decode("utf-8", "replace")).get("Action", [""])[0]
    return ""
