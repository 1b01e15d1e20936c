"""Sockets that programs send measurements to: StatsD and collectd over UDP."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from threading import Event, Lock

from cloudarium.agent.config.plan import CollectorPlan
from cloudarium.agent.metrics import collectd, statsd
from cloudarium.agent.metrics.points import Dimensions

_DATAGRAM = 65_536
_MOST_WAITING = 100_000

Found = tuple[str, Dimensions, dict[float, float]]


def bind(address: str) -> socket.socket:
    """A UDP socket at ``ip:port``; without an address, on all of them. Raises OSError."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.bind((host, int(port)))
    except OSError:
        sock.close()
        raise
    sock.settimeout(0.5)
    return sock


def _datagrams(sock: socket.socket, stop: Event) -> Iterator[bytes]:
    while not stop.is_set():
        try:
            yield sock.recv(_DATAGRAM)
        except TimeoutError:
            continue
        except OSError:
            return


class _Complaints:
    """Says what is wrong with datagrams, at most once a minute: anybody may send anything."""

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        self._count = 0
        self._next = 0.0

    def say(self, what: str) -> None:
        self._count += 1
        tick = time.monotonic()
        if tick >= self._next:
            self._report(f"{what} ({self._count} such since the last time)")
            self._count, self._next = 0, tick + 60


class StatsdListener:
    """Takes StatsD in. Raises OSError when the address is not to be had."""

    def __init__(self, plan: CollectorPlan, report: Callable[[str], None]) -> None:
        self._socket = bind(plan.address)
        self._separator = plan.separator
        self._series = statsd.Series()
        self._lock = Lock()
        self._complaints = _Complaints(report)

    def run(self, stop: Event) -> None:
        """Listen until asked to stop."""
        with self._socket:
            for data in _datagrams(self._socket, stop):
                for line in data.decode(errors="replace").splitlines():
                    if line.strip():
                        self._line(line)

    def collect(self) -> list[Found]:
        """What came since the last time."""
        with self._lock:
            return self._series.collect()

    def _line(self, line: str) -> None:
        try:
            metrics = statsd.parse(line)
        except ValueError as error:
            self._complaints.say(f"StatsD: {line[:100]!r} is not understood: {error}")
            return
        with self._lock:
            for metric in metrics:
                name = metric.name.replace(".", self._separator)
                self._series.add(metric._replace(name=name[:255]))
            if self._series.dropped:
                self._complaints.say("StatsD: too many series")
                self._series.dropped = 0


class CollectdListener:
    """Takes collectd's datagrams in. Raises OSError when the address is not to be had."""

    def __init__(self, plan: CollectorPlan, report: Callable[[str], None]) -> None:
        self._socket = bind(plan.address)
        self._prefix = plan.prefix
        self._types: dict[str, tuple[str, ...]] = {}
        for path in plan.typesdb:
            if os.path.exists(path):
                with open(path, encoding="utf-8", errors="replace") as file:
                    self._types |= collectd.types(file.read())
            else:
                report(f"collectd: there is no {path}; values are named by their number")
        self._found: list[Found] = []
        self._lock = Lock()
        self._complaints = _Complaints(report)

    def run(self, stop: Event) -> None:
        """Listen until asked to stop."""
        with self._socket:
            for data in _datagrams(self._socket, stop):
                try:
                    lists = collectd.parse(data)
                except ValueError as error:
                    self._complaints.say(f"collectd: a datagram is not understood: {error}")
                    continue
                with self._lock:
                    for values in lists:
                        self._take(values)

    def collect(self) -> list[Found]:
        """What came since the last time."""
        with self._lock:
            found, self._found = self._found, []
            return found

    def _take(self, values: collectd.Values) -> None:
        pairs = (
            ("instance", values.instance), ("type", values.type), ("type_instance", values.type_instance),
        )  # fmt: skip
        about = tuple((name, value[:1024]) for name, value in pairs if value)
        for name, number in collectd.named(values, self._prefix, self._types):
            if len(self._found) >= _MOST_WAITING:
                self._complaints.say("collectd: too many values")
                return
            self._found.append((name[:255], about, {number: 1.0}))
