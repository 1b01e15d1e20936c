"""What the agent does with requests: sockets, limits, garbage."""

from __future__ import annotations

import array
import errno
import json
import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudarium.substrate.host import wire
from cloudarium.substrate.host.listeners import Listeners
from cloudarium.substrate.host.loop import Loop
from cloudarium.substrate.host.session import Session


class Peer:
    """A session with the test as its cloud."""

    def __init__(self) -> None:
        self.loop = Loop()
        self.events: list[tuple[str, str]] = []
        self.listeners = Listeners()
        self.end, theirs = wire.pair()
        self.end.settimeout(5)
        self.session = Session(self.loop, theirs, self.listeners, lambda *event: self.events.append(event))

    def ask(self, **request: Any) -> tuple[dict[str, Any], list[int]]:
        """A request with id 7 and its answer."""
        return self.ask_raw(json.dumps({"id": 7, **request}).encode())

    def ask_raw(self, data: bytes) -> tuple[dict[str, Any], list[int]]:
        """A datagram and the answer to it."""
        self.end.send(data)
        return self.answer()

    def answer(self) -> tuple[dict[str, Any], list[int]]:
        """The next answer, after as many turns of the agent's loop as it takes."""
        self.end.setblocking(False)
        # Something always happens while an answer is due; a timer keeps a turn from waiting for ever when not.
        for _ in range(100):
            self.loop.call_later(0.05, lambda: None)
            self.loop.turn()
            try:
                data, fds = wire.receive(self.end)
            except BlockingIOError:
                continue
            answer = wire.decode(data)
            assert answer is not None and answer["id"] == 7
            return answer, fds
        raise AssertionError("no answer")

    def close(self) -> None:
        self.session.close()
        self.listeners.sweep()
        self.end.close()
        self.loop.close()


@pytest.fixture
def peer() -> Iterator[Peer]:
    made = Peer()
    yield made
    made.close()


def test_dial_gives_a_connected_socket(peer: Peer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        answer, fds = peer.ask(op="dial", host="localhost", port=server.getsockname()[1], timeout=5)
        assert answer == {"id": 7, "ok": True}
        with socket.socket(fileno=fds[0]) as sock:
            assert sock.getpeername() == server.getsockname()
            assert not os.get_inheritable(sock.fileno())


def test_dial_gives_a_datagram_socket(peer: Peer) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        _, fds = peer.ask(op="dial", kind="udp", host="127.0.0.1", port=server.getsockname()[1], timeout=1)
        with socket.socket(fileno=fds[0]) as sock:
            assert (sock.type, sock.getpeername()) == (socket.SOCK_DGRAM, server.getsockname())


def test_dial_is_refused_as_the_host_refuses(peer: Peer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    answer, fds = peer.ask(op="dial", host="127.0.0.1", port=port, timeout=5)
    assert (answer["errno"], fds) == (errno.ECONNREFUSED, [])


def test_dial_times_out(peer: Peer) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        # With its queue full a loopback listener drops further SYNs, as a silent host would.
        fillers = [socket.socket() for _ in range(3)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(server.getsockname())
        answer, _ = peer.ask(op="dial", host="127.0.0.1", port=server.getsockname()[1], timeout=0.05)
        assert answer["errno"] == errno.ETIMEDOUT
        for filler in fillers:
            filler.close()


def test_listen_gives_the_same_port_again_after_a_crash(peer: Peer) -> None:
    answer, fds = peer.ask(op="listen", host="127.0.0.1", port=0)
    port = answer["port"]
    wire.discard(fds)
    peer.listeners.orphan()
    again, fds = peer.ask(op="listen", host="127.0.0.1", port=port)
    wire.discard(fds)
    assert again["port"] == port
    peer.listeners.sweep()
    assert len(peer.listeners) == 1

    peer.listeners.orphan()
    peer.listeners.sweep()
    assert len(peer.listeners) == 0


def test_listener_is_closed_on_request(peer: Peer) -> None:
    answer, fds = peer.ask(op="listen", host="127.0.0.1", port=0)
    wire.discard(fds)
    assert peer.ask(op="close", host="127.0.0.1", port=answer["port"])[0] == {"id": 7, "ok": True}
    assert peer.ask(op="close", host="127.0.0.1", port=answer["port"])[0]["errno"] == errno.ENOENT
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", answer["port"]))


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "::ffff:127.0.0.1"])
def test_listen_is_for_loopback_only(peer: Peer, host: str) -> None:
    assert peer.ask(op="listen", host=host, port=0)[0]["errno"] == errno.EACCES


def test_life_is_told(peer: Peer) -> None:
    peer.ask(op="ready")
    peer.ask(op="failed", reason="no heart")
    assert peer.events == [("ready", ""), ("failed", "no heart")]


def test_last_words_are_heard_although_nobody_listens(peer: Peer) -> None:
    for number in range(20):
        peer.end.send(json.dumps({"id": number, "op": "listen", "host": "127.0.0.1", "port": 0}).encode())
    peer.end.send(json.dumps({"id": 0, "op": "failed", "reason": "no heart"}).encode())
    peer.end.close()
    peer.session.hear_out()
    assert peer.events == [("failed", "no heart")]


BAD = [
    {"op": "dial"},
    {"op": "dial", "host": "127.0.0.1", "port": 80},
    {"op": "dial", "host": 5, "port": 80, "timeout": 1},
    {"op": "dial", "host": "a.name", "port": 80, "timeout": 1},
    {"op": "dial", "host": "127.0.0.1", "port": 80, "timeout": 0},
    {"op": "dial", "host": "127.0.0.1", "port": 80, "timeout": float("nan")},
    {"op": "dial", "host": "127.0.0.1", "port": 80, "timeout": "soon"},
    {"op": "dial", "host": "127.0.0.1\0", "port": 80, "timeout": 1},
    {"op": "dial", "host": "127.0.0.1", "port": 65536, "timeout": 1},
    {"op": "listen", "host": "127.0.0.1", "port": -1},
    {"op": "listen", "host": "127.0.0.1", "port": "80"},
    {"op": ["dial"]},
    {"op": "fly"},
    {},
]


@pytest.mark.parametrize("request_", BAD, ids=str)
def test_nonsense_is_answered(peer: Peer, request_: dict[str, Any]) -> None:
    assert peer.ask(**request_)[0]["errno"] == errno.EINVAL


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "id": JSON,
        "op": st.sampled_from(["dial", "listen", "close", "ready", "x"]) | JSON,
        # Nothing that would really be dialled: the point is what the agent makes of it.
        "host": st.sampled_from(["127.0.0.1", "::1", "nowhere", ""]) | JSON,
        "port": JSON,
        "timeout": JSON,
    },
)


@settings(deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=200) | FIELDS.map(lambda value: json.dumps(value).encode()), max_size=8))
def test_garbage_never_ends_the_session(datagrams: list[bytes]) -> None:
    peer = Peer()
    try:
        for datagram in datagrams:
            peer.end.send(datagram)
        peer.end.send(b'{"id": 7, "op": "fly"}')
        seen: list[dict[str, Any] | None] = []
        while not any(
            answer is not None and answer.get("error", "").endswith("\"no operation 'fly'\")") for answer in seen
        ):
            peer.loop.turn()
            peer.end.setblocking(False)
            try:
                while True:
                    data, fds = wire.receive(peer.end)
                    wire.discard(fds)
                    assert data
                    seen.append(wire.decode(data))
            except BlockingIOError:
                pass
    finally:
        peer.close()


def test_descriptors_nobody_asked_for_are_dropped(peer: Peer) -> None:
    before = len(os.listdir("/proc/self/fd"))
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0] * 20))]
    peer.end.sendmsg([b'{"id": 7, "op": "fly"}'], rights)
    peer.answer()
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_cloud_that_does_not_read_is_not_read_either(peer: Peer) -> None:
    peer.end.setblocking(False)
    sent = 0
    for _ in range(200):
        try:
            while True:
                peer.end.send(b'{"id": 7, "op": "ready", "padding": "' + b"x" * 500 + b'"}')
                sent += 1
        except BlockingIOError:
            pass
        peer.loop.call_later(0, lambda: None)
        peer.loop.turn()
    assert len(peer.session._outgoing) <= 1
    assert len(peer.events) < sent
