"""Two ends of a data channel over a wire that loses, doubles and reorders."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudarium.services.ecs.exec.channel import RESEND_AFTER, Channel, PeerGone
from cloudarium.services.ecs.exec.messages import INPUT, OUTPUT, MalformedMessage, PayloadType


class Wire:
    """Carries messages between two channels, badly."""

    def __init__(self, seed: int, loss: float) -> None:
        self.time = 0.0
        self._random = random.Random(seed)
        self._loss = loss
        self._to: dict[str, list[bytes]] = {INPUT: [], OUTPUT: []}
        self.agent = Channel(OUTPUT, self._to[INPUT].append, lambda: self.time)
        self.client = Channel(INPUT, self._to[OUTPUT].append, lambda: self.time)
        self.at_client: list[bytes] = []
        self.at_agent: list[bytes] = []

    def turn(self) -> None:
        """A quarter of a second: what is on the wire arrives, or not, in any order; both look what to send again."""
        self.time += RESEND_AFTER
        for channel, name, taken in ((self.client, INPUT, self.at_client), (self.agent, OUTPUT, self.at_agent)):
            waiting, self._to[name][:] = list(self._to[name]), []
            self._random.shuffle(waiting)
            for data in waiting:
                chance = self._random.random()
                if chance < self._loss:
                    continue
                for _ in range(2 if chance > 0.9 else 1):
                    taken += [message.payload for message in channel.receive(data)]
        self.agent.resend()
        self.client.resend()


@given(seed=st.integers(0, 1000), loss=st.sampled_from([0.0, 0.1, 0.5]))
def test_everything_arrives_once_and_in_order(seed: int, loss: float) -> None:
    """Both ways, whatever the wire does."""
    wire = Wire(seed, loss)
    said = [b"out %d" % number for number in range(20)]
    typed = [b"in %d" % number for number in range(10)]
    for payload in said:
        wire.agent.post(PayloadType.OUTPUT, payload)
    for payload in typed:
        wire.client.post(PayloadType.OUTPUT, payload)
    for _ in range(2000):
        if not wire.agent.under_way and not wire.client.under_way:
            break
        wire.turn()
    assert wire.at_client == said and wire.at_agent == typed
    assert not wire.agent.under_way and not wire.client.under_way


def test_a_silent_peer_is_given_up() -> None:
    """Resending ends."""
    now = 0.0
    channel = Channel(OUTPUT, lambda data: None, lambda: now)
    channel.post(PayloadType.OUTPUT, b"anyone?")
    with pytest.raises(PeerGone):
        for _ in range(1000):
            now += 1
            channel.resend()


def test_messages_aside_are_passed_on() -> None:
    """``channel_closed`` is not part of the stream."""
    wire: list[bytes] = []
    agent = Channel(OUTPUT, wire.append, lambda: 1.0)
    client = Channel(INPUT, lambda data: None, lambda: 1.0)
    agent.post_aside("channel_closed", b"{}")
    (message,) = client.receive(wire[0])
    assert (message.kind, message.payload) == ("channel_closed", b"{}")


def test_acknowledgements_that_say_nothing_are_refused() -> None:
    """Not JSON, or not what it should be."""
    wire: list[bytes] = []
    agent = Channel(OUTPUT, wire.append, lambda: 1.0)
    agent.post_aside("acknowledge", b"nonsense")
    with pytest.raises(MalformedMessage):
        Channel(INPUT, lambda data: None, lambda: 1.0).receive(wire[0])


def test_early_messages_are_bounded() -> None:
    """A client that sends only what is too early costs little: it is neither kept nor acknowledged."""
    sent: list[bytes] = []
    client = Channel(INPUT, sent.append, lambda: 1.0)
    for number in range(3000):
        client.post(PayloadType.OUTPUT, b"%d" % number)
    answers: list[bytes] = []
    agent = Channel(OUTPUT, answers.append, lambda: 1.0)
    for data in sent[1:]:
        assert agent.receive(data) == []
    assert len(answers) == 1000
