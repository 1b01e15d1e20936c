"""Desync mitigation modes of a running load balancer: what clients get, what is logged and counted (ALB-10, ALB-12).

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html#desync-mitigation-mode
"""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest
from tests.scenarios.test_alb_logs import enable
from tests.support import accesslog, metrics
from tests.support.aws import Account
from tests.support.programs import Program
from tests.support.stack import Stack

REQUESTS: dict[str, tuple[str, bytes]] = {
    "/compliant": ("-", b"GET /compliant HTTP/1.1\r\nHost: {host}\r\n\r\n"),
    "/version": ("NonCompliantVersion", b"GET /version HTTP/1.2\r\nHost: {host}\r\n\r\n"),
    "/header": ("NonCompliantHeader", b"GET /header HTTP/1.1\r\nHost: {host}\r\nX: caf\xc3\xa9\r\n\r\n"),
    "/empty": ("EmptyHeader", b"GET /empty HTTP/1.1\r\nHost: {host}\r\n   \r\n\r\n"),
    "/lines": ("MultilineHeader", b"GET /lines HTTP/1.1\r\nHost: {host}\r\nX: a\r\n b\r\n\r\n"),
    "/both": (
        "BothTeClPresent",
        b"POST /both HTTP/1.1\r\nHost: {host}\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    "/lengths": (
        "MultipleContentLength",
        b"POST /lengths HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nContent-Length: 0040\r\n\r\n",
    ),
    "/method": ("BadMethod", b"G@T /method HTTP/1.1\r\nHost: {host}\r\n\r\n"),
    "/unending": ("BadContentLength", b"POST /unending HTTP/1.1\r\nHost: {host}\r\nContent-Length: nine\r\n\r\n"),
}
ACCEPTABLE = {"/version", "/header"}
SEVERE = {"/lengths", "/method", "/unending"}
AMBIGUOUS = set(REQUESTS) - ACCEPTABLE - SEVERE - {"/compliant"}


@pytest.mark.parametrize("mode", ["monitor", "defensive", "strictest"])
def test_each_mode_allows_closes_and_tells_as_aws_says(
    account: Account, program: Callable[[str], Program], mode: str
) -> None:
    stack, bucket, red = Stack(account), f"desync-{mode}-{account.number}", program("red")
    group, balancer = stack.target_group(), stack.load_balancer()
    arn, host = balancer["LoadBalancerArn"], balancer["DNSName"]
    stack.listener(balancer, group)
    stack.healthy(group, *stack.join(group, red))
    enable(account, arn, bucket)
    account.elbv2.modify_load_balancer_attributes(
        LoadBalancerArn=arn, Attributes=[{"Key": "routing.http.desync_mitigation_mode", "Value": mode}]
    )
    address = account.resolve(host, 80)
    blocked = {"monitor": {"/unending"}, "defensive": SEVERE, "strictest": set(REQUESTS) - {"/compliant"}}[mode]
    closed = blocked | {"monitor": SEVERE, "defensive": AMBIGUOUS, "strictest": set()}[mode]
    red.forget()

    got = {path: answers(address, request, host) for path, (_, request) in REQUESTS.items()}
    for path, (first, second) in got.items():
        if path in blocked:
            assert first == 400, path
        elif mode == "defensive":
            assert first in ((405, 501) if path == "/method" else (200,)), path
        assert (second is None) is (path in closed), path
    served = {seen["path"] for seen in red.requests() if not seen["path"].startswith(("/health", "/next"))}
    assert not served & blocked
    if mode != "monitor":  # there the program itself refuses what it cannot read
        assert served == set(REQUESTS) - blocked

    account.cloud.advance("6m")
    logged = {entry["request"].split(":80")[1].split(" ")[0]: entry for entry in accesslog.read(account.s3, bucket)}
    for path, (reason, _) in REQUESTS.items():
        entry = logged[path]
        tier = "Acceptable" if path in ACCEPTABLE else "Severe" if path in SEVERE else "Ambiguous"
        assert (entry["classification"], entry["classification_reason"]) == (
            ("-", "-") if path == "/compliant" else (tier, reason)
        )
        assert (entry["target:port"] == "-") is (path in blocked), path
        assert (entry["elb_status_code"] == "400" and entry["target_status_code"] == "-") is (path in blocked), path
    name = metrics.load_balancer_name(arn)
    counted = metrics.total(account, "DesyncMitigationMode_NonCompliant_Request_Count", LoadBalancer=name)
    assert counted == len(REQUESTS) - 1


def answers(address: str, request: bytes, host: str) -> tuple[int, int | None]:
    """The status of a request, and of a plain one behind it unless the connection was closed before."""
    following = f"GET /next HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
    where, _, port = address.rpartition(":")
    received = b""
    with socket.create_connection((where, int(port)), timeout=10) as sock:
        sock.sendall(request.replace(b"{host}", host.encode()) + following)
        try:
            while data := sock.recv(65_536):
                received += data
        except ConnectionResetError:
            pass
    statuses = [int(part[:3]) for part in received.split(b"HTTP/1.1 ")[1:]]
    return statuses[0], statuses[1] if len(statuses) > 1 else None
