"""Errors of a load balancer, each from the cause AWS documents for it (ALB-8, ALB-9, ALB-10).

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from typing import Any

import pytest
from tests.support import metrics
from tests.support.aws import Account
from tests.support.cloud import until
from tests.support.curl import curl
from tests.support.programs import Program
from tests.support.stack import Stack, fixed

Programs = Callable[[str], Program]


class Served:
    """One load balancer in front of one program."""

    def __init__(self, account: Account, red: Program) -> None:
        self.stack = Stack(account)
        self.account, self.red = account, red
        self.group = self.stack.target_group()
        self.balancer = self.stack.load_balancer()
        self.host = str(self.balancer["DNSName"])
        self.stack.listener(self.balancer, self.group)
        (self.address,) = self.stack.join(self.group, red)
        self.stack.healthy(self.group, self.address)


@pytest.fixture
def served(account: Account, program: Programs) -> Served:
    """A healthy little site."""
    return Served(account, program("red"))


def page(title: str) -> bytes:
    """The body AWS sends with an error of its own."""
    return f"<html>\r\n<head><title>{title}</title></head>\r\n".encode()


@pytest.mark.parametrize("kind", ["close", "reset", "garbage", "crlf"])
def test_502_when_the_target_breaks_off_or_talks_nonsense(served: Served, kind: str) -> None:
    """The target closed or reset the connection, or its answer is not HTTP."""
    served.red.behave(kind, where="/bad")
    answer = served.account.curl(served.host, "/bad")
    assert answer.status == 502
    assert answer.header("Server") == "awselb/2.0"
    assert answer.body.startswith(page("502 Bad Gateway"))
    assert served.account.curl(served.host, "/good").status == 200


def test_502_when_nobody_listens(served: Served) -> None:
    """The target answers the SYN with a RST."""
    served.red.kill()
    assert served.account.curl(served.host).status == 502


def test_a_short_body_breaks_the_connection(served: Served) -> None:
    """A body shorter than promised cannot become an error any more: the client sees the connection end."""
    served.red.behave("short", where="/short")
    answer = served.account.curl(served.host, "/short")
    assert answer.status in (200, 502)
    if answer.status == 200:
        assert answer.exit in (18, 56), "curl: transfer closed with bytes outstanding"
    assert served.account.curl(served.host, "/good").status == 200


def test_503_without_targets(account: Account) -> None:
    """The target groups have no registered targets."""
    stack = Stack(account)
    balancer = stack.load_balancer()
    stack.listener(balancer, stack.target_group())
    answer = account.curl(balancer["DNSName"])
    assert answer.status == 503
    assert answer.body.startswith(page("503 Service Temporarily Unavailable"))


def test_504_when_the_target_does_not_answer(served: Served) -> None:
    """No answer within the idle timeout. Sockets are guarded by the host's time, whatever the cloud's clock does."""
    idle = [{"Key": "idle_timeout.timeout_seconds", "Value": "1"}]
    served.account.elbv2.modify_load_balancer_attributes(
        LoadBalancerArn=served.balancer["LoadBalancerArn"], Attributes=idle
    )
    served.red.behave("hang", where="/never")
    waiting = served.account.start_curl(served.host, "/never")
    until(lambda: served.red.held() == 1, "the request has reached the target")
    served.account.cloud.advance("5m")
    answer = waiting.answer()
    assert answer.status == 504
    assert answer.body.startswith(page("504 Gateway Time-out"))
    served.red.release()


def test_504_when_the_target_cannot_be_reached(served: Served) -> None:
    """The connection was not made within ten seconds: a security group drops it."""
    account, stack = served.account, served.stack
    account.ec2.revoke_security_group_ingress(
        GroupId=stack.back,
        IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": stack.front}]}
        ],
    )
    account.cloud.advance("1m")
    assert account.start_curl(served.host, "/", max_time=30).answer().status == 504


def test_460_when_the_client_goes_away(served: Served) -> None:
    """The client closed the connection before the idle timeout: counted, since nobody is left to be told."""
    served.red.behave("hold", where="/patience")
    waiting = served.account.start_curl(served.host, "/patience")
    until(lambda: served.red.held() == 1, "the request has reached the target")
    waiting.abandon()
    served.account.cloud.advance("3m")
    name = metrics.load_balancer_name(served.balancer["LoadBalancerArn"])
    assert metrics.total(served.account, "HTTPCode_ELB_4XX_Count", LoadBalancer=name) == 1
    served.red.release()


def test_463_with_too_many_forwarders(served: Served) -> None:
    """X-Forwarded-For with more than 30 addresses."""
    many = ", ".join(f"192.0.2.{n}" for n in range(31))
    assert served.account.curl(served.host, "/", "-H", f"X-Forwarded-For: {many}").status == 463
    assert served.account.curl(served.host, "/", "-H", f"X-Forwarded-For: {many[:-12]}").status == 200


def test_405_for_trace(served: Served) -> None:
    """The method TRACE is not supported."""
    assert served.account.curl(served.host, "/", "-X", "TRACE").status == 405


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: {host}\r\nHost: {host}\r\n\r\n", 400),
        (b"GET HTTP/1.1\r\nHost: {host}\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: nine\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: {host}\r\nX-Large: " + b"x" * 70_000 + b"\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: nonsense\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
    ],
)
def test_malformed_requests_are_refused(served: Served, request_bytes: bytes, status: int) -> None:
    """Broken HTTP is answered by the load balancer, never forwarded."""
    served.red.forget()
    address, _, port = served.account.resolve(served.host, 80).rpartition(":")
    with socket.create_connection((address, int(port)), timeout=10) as sock:
        sock.sendall(request_bytes.replace(b"{host}", served.host.encode()))
        head = b""
        while b"\r\n" not in head and (data := sock.recv(65_536)):
            head += data
    assert int(head.split(b" ")[1]) == status
    assert not [r for r in served.red.requests() if not r["path"].startswith("/health")]


def test_a_denied_client_gets_nothing(served: Served) -> None:
    """The load balancer's security group decides who may connect: packets of the others vanish."""
    account, stack = served.account, served.stack
    anyone: list[dict[str, Any]] = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    account.ec2.revoke_security_group_ingress(GroupId=stack.front, IpPermissions=anyone)
    account.ec2.authorize_security_group_ingress(
        GroupId=stack.front,
        IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "127.0.0.8/29"}]},
        ],
    )
    address = account.resolve(served.host, 80)
    denied = curl(f"http://{address}/", max_time=2)
    assert denied.status == 0 and denied.exit != 0
    admitted = curl("--interface", "127.0.0.9", f"http://{address}/")
    assert admitted.status == 200
    assert admitted.sent_header("X-Forwarded-For") == "127.0.0.9"


def test_headers_that_tell_the_target_who_asked(served: Served) -> None:
    """X-Forwarded-For, -Proto, -Port and X-Amzn-Trace-Id arrive; the client's own are kept as AWS keeps them."""
    answer = served.account.curl(served.host, "/", "-H", "X-Forwarded-For: 203.0.113.7", "-H", "Connection: X-Hop")
    assert answer.sent_header("X-Forwarded-For") == "203.0.113.7, 127.0.0.1"
    assert answer.sent_header("X-Forwarded-Proto") == "http"
    assert answer.sent_header("X-Forwarded-Port") == "80"
    assert answer.sent_header("Host") == served.host
    assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}", answer.sent_header("X-Amzn-Trace-Id") or "")
    given = "Root=1-67891233-abcdef012345678912345678"
    traced = served.account.curl(served.host, "/", "-H", f"X-Amzn-Trace-Id: {given}")
    assert re.fullmatch(rf"Self=1-[0-9a-f]{{8}}-[0-9a-f]{{24}};{given}", traced.sent_header("X-Amzn-Trace-Id") or "")


def test_an_answer_of_its_own(served: Served) -> None:
    """A fixed response, also for HEAD, whose answer has no body."""
    served.stack.listener(served.balancer, fixed(418, "short and stout"), port=81)
    host = f"{served.host}:81"
    answer = served.account.curl(host)
    assert (answer.status, answer.body) == (418, b"short and stout")
    assert answer.header("Content-Type") == "text/plain"
    head = served.account.curl(host, "/", "-I")
    assert (head.status, head.header("Content-Length")) == (418, "15")
