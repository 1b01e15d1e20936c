"""One line of an Application Load Balancer's access log, field by field.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html#access-log-entry-syntax
"""

from __future__ import annotations

import gzip
import re
from typing import Any

_SYNTAX = """
    type time elb client:port target:port request_processing_time target_processing_time response_processing_time
    elb_status_code target_status_code received_bytes sent_bytes "request" "user_agent" ssl_cipher ssl_protocol
    target_group_arn "trace_id" "domain_name" "chosen_cert_arn" matched_rule_priority request_creation_time
    "actions_executed" "redirect_url" "error_reason" "target:port_list" "target_status_code_list" "classification"
    "classification_reason" conn_trace_id "transformed_host" "transformed_uri" "request_transform_status"
"""

_FIELD = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')


def parse(line: str) -> dict[str, str]:
    """The fields by name; checks that exactly those are quoted that AWS quotes."""
    found: dict[str, str] = {}
    position, syntax = 0, _SYNTAX.split()
    for word in syntax:
        match = _FIELD.match(line, position)
        assert match is not None, f"no {word} at {position} of {line!r}"
        quoted = match[1] is not None
        assert quoted == word.startswith('"'), f"{word} is {'' if quoted else 'not '}quoted in {line!r}"
        found[word.strip('"')] = match[1] if quoted else match[2]
        position = match.end() + 1
    assert position == len(line) + 1, f"more than {len(syntax)} fields: {line!r}"
    return found


def read(s3: Any, bucket: str, prefix: str = "") -> list[dict[str, str]]:
    """Every entry of every log file below a prefix, in order of time. The test object of AWS's own is left out."""
    entries = []
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", []):
            if item["Key"].endswith(".log.gz"):
                data = s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
                entries += [parse(line) for line in gzip.decompress(data).decode().splitlines()]
    return sorted(entries, key=lambda entry: entry["time"])
