"""Access log lines, exactly as documented.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html#access-log-entry-format
"""

from __future__ import annotations

import time
from hashlib import blake2b

import msgspec

_USER_AGENT_LIMIT = 8 * 1024


class LogEntry(msgspec.Struct, kw_only=True):
    """The fields of a line, in order. Times are cloud seconds; durations seconds, -1 where there is none."""

    kind: str
    time: float
    elb: str
    client: str
    target: str = "-"
    request_processing_time: float = -1
    target_processing_time: float = -1
    response_processing_time: float = -1
    elb_status_code: int = 0
    target_status_code: int = 0
    received_bytes: int = 0
    sent_bytes: int = 0
    request: str = "- - -"
    user_agent: str = "-"
    target_group_arn: str = "-"
    trace_id: str = "-"
    matched_rule_priority: str = "-"
    request_creation_time: float = 0.0
    actions_executed: str = "-"
    redirect_url: str = "-"
    classification: str = "-"
    classification_reason: str = "-"
    conn_trace_id: str = "-"
    transformed_host: str = "-"
    transformed_uri: str = "-"
    request_transform_status: str = "-"


def line(entry: LogEntry) -> str:
    """One line without its end."""
    e = entry
    target_status = str(e.target_status_code or "-")
    return (
        f"{e.kind} {_timestamp(e.time)} {e.elb} {e.client} {e.target} {_duration(e.request_processing_time)} "
        f"{_duration(e.target_processing_time)} {_duration(e.response_processing_time)} {e.elb_status_code or '-'} "
        f'{target_status} {e.received_bytes} {e.sent_bytes} "{_quoted(e.request)}" '
        f'"{_quoted(e.user_agent[:_USER_AGENT_LIMIT])}" - - {e.target_group_arn} "{_quoted(e.trace_id)}" "-" "-" '
        f'{e.matched_rule_priority} {_timestamp(e.request_creation_time)} "{e.actions_executed}" '
        f'"{_quoted(e.redirect_url)}" "-" "{e.target}" "{target_status}" "{e.classification}" '
        f'"{e.classification_reason}" {e.conn_trace_id} "{_quoted(e.transformed_host)}" '
        f'"{_quoted(e.transformed_uri)}" "{e.request_transform_status}"'
    )


def connection_trace_id(client: str, established_at: float) -> str:
    """The id that ties together the requests of one connection."""
    return "TID_" + blake2b(f"{client} {established_at}".encode(), digest_size=16).hexdigest()


def _timestamp(seconds: float) -> str:
    micros = round(seconds * 1_000_000)
    whole, fraction = divmod(micros, 1_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{fraction:06d}Z"


def _duration(seconds: float) -> str:
    return "-1" if seconds < 0 else f"{seconds:.3f}"


def _quoted(text: str) -> str:
    """Text as it can stand between quotes on one line."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return text
    return "".join(
        char if " " <= char < "\x7f" and char not in '"\\' else f"\\x{byte:02x}"
        for char in text
        for byte in char.encode("latin-1", "replace")[:1]
    )
