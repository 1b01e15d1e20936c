"""What travels through a listener: WebSockets, streamed bodies, versions that do not fit (ALB-1)."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import botocore.exceptions
import pytest
import websocket
from tests.support.aws import Account
from tests.support.programs import Program
from tests.support.stack import Stack, fixed

Programs = Callable[[str], Program]
ECHO = Path(__file__).parent.parent / "programs" / "websocket_echo.py"


@pytest.fixture
def echo() -> Iterator[int]:
    """The port of a WebSocket echo server."""
    process = subprocess.Popen([sys.executable, str(ECHO)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield int(process.stdout.readline())
    process.kill()
    process.wait()
    process.stdout.close()


def test_websockets_pass(account: Account, echo: int) -> None:
    """Upgrade, small and large messages both ways, through the one port and through a plain address."""
    stack = Stack(account)
    group, balancer = stack.target_group(), stack.load_balancer()
    stack.listener(balancer, group)
    address = account.attach(echo, stack.subnets[0], stack.back)
    stack.register(group, address)
    stack.healthy(group, address)
    host = balancer["DNSName"]
    for url in (f"ws://127.0.0.1:{account.cloud.port}/chat", f"ws://{account.resolve(host, 80)}/chat"):
        client = websocket.create_connection(url, timeout=10, host=host)
        for message in ("hello", "ü" * 300, "x" * 200_000):
            client.send(message)
            assert client.recv() == message
        data = os.urandom(70_000)
        client.send_binary(data)
        assert client.recv() == data
        client.ping("are you there")
        client.send("still open")
        assert client.recv() == "still open"
        client.close()


def test_bodies_stream_both_ways(account: Account, program: Programs, tmp_path: Path) -> None:
    """32 MiB up, with and without a length, and down."""
    stack = Stack(account)
    group, balancer = stack.target_group(), stack.load_balancer()
    stack.listener(balancer, group)
    red = program("red")
    stack.healthy(group, *stack.join(group, red))
    content = os.urandom(1 << 20) * 4
    file = tmp_path / "body"
    file.write_bytes(content)
    red.behave("digest", where="/up")
    digest = hashlib.sha256(content).hexdigest()
    for framing in ((), ("-H", "Transfer-Encoding: chunked")):
        answer = account.curl(balancer["DNSName"], "/up", "-T", str(file), *framing)
        assert (answer.status, answer.body.decode()) == (200, digest)
    size = 32 << 20
    red.behave("bytes", where="/down", size=size)
    answer = account.curl(balancer["DNSName"], "/down")
    assert (answer.status, len(answer.body), set(answer.body[:: 1 << 16])) == (200, size, {ord("x")})


def test_versions_that_do_not_fit_are_refused(account: Account) -> None:
    """HTTP/2 to targets needs an HTTPS listener on AWS, so an HTTP listener refuses such a group."""
    stack = Stack(account)
    group, balancer = stack.target_group(ProtocolVersion="HTTP2"), stack.load_balancer()
    with pytest.raises(botocore.exceptions.ClientError, match="not supported with a target group"):
        stack.listener(balancer, group)


def test_505_for_http2_without_tls(account: Account) -> None:
    """Clients speak HTTP/2 over TLS only: an HTTP listener answers its preface as AWS documents."""
    stack = Stack(account)
    balancer = stack.load_balancer()
    stack.listener(balancer, fixed(200, "hello"))
    host, port = account.resolve(balancer["DNSName"], 80).split(":")
    with socket.create_connection((host, int(port)), timeout=10) as sock:
        sock.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0")
        assert sock.recv(65_536).startswith(b"HTTP/1.1 505 ")


def test_one_connection_many_requests(account: Account, program: Programs) -> None:
    """Requests in a row and pipelined on one connection are answered in order; names may change between them."""
    stack = Stack(account)
    group, balancer = stack.target_group(), stack.load_balancer()
    stack.listener(balancer, group)
    stack.healthy(group, *stack.join(group, program("red")))
    host = balancer["DNSName"].encode()
    with socket.create_connection(("127.0.0.1", account.cloud.port), timeout=10) as sock:
        sock.sendall(b"".join(b"GET /%d HTTP/1.1\r\nHost: %b\r\n\r\n" % (n, host) for n in range(5)))
        # The same connection, now for the cloud itself.
        sock.sendall(b"GET /_cloudarium/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        received = b""
        while data := sock.recv(65_536):
            received += data
    assert received.count(b"HTTP/1.1 200") == 6
    positions = [received.index(b'"path": "/%d"' % n) for n in range(5)]
    assert positions == sorted(positions)
    assert received.rstrip().endswith(b"}") and b'"status":"running"' in received
