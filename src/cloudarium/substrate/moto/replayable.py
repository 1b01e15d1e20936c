"""Time and chance inside the child: what makes a call come out the same when it is made again.

A call that changes something runs as an ``Execution``: for its thread, time stands still at the moment it began
(sleeping moves it on), every random choice follows from one seed, and each private key made is kept on a tape. Given
the same moment, seed and tape, the same call has the same outcome. Everything else sees the cloud's clock (a line over
host time, as in ``kernel.clock``) and real chance.

``install`` must run before moto is imported: modules that say ``from datetime import datetime`` then get ours.
"""

from __future__ import annotations

import contextlib
import datetime as datetime_module
import hashlib
import os
import random
import threading
import time as time_module
from collections.abc import Callable, Iterator
from typing import Any

_host_time = time_module.time
_host_sleep = time_module.sleep
_host_urandom = os.urandom
_RealDatetime = datetime_module.datetime

_local = threading.local()


class _Line:
    """The cloud's clock: host time, cloud time then, and cloud seconds per host second."""

    host = 0.0
    cloud = 0.0
    scale = 1.0


def set_clock(host: float, cloud: float, scale: float) -> None:
    """Follow the cloud's clock (``ClockState``)."""
    _Line.host, _Line.cloud, _Line.scale = host, cloud, scale


class Execution:
    """One call that can be made again: its moment (cloud seconds), its seed, and the private keys it made.

    With ``keys`` given the call is being made again and takes its keys from there.
    """

    def __init__(self, now: float, seed: bytes, keys: list[bytes] | None = None) -> None:
        self.now = now
        self.seed = seed
        self.playing = keys is not None
        self.keys = keys or []
        self._used = 0
        self._bytes = random.Random(seed)

    def urandom(self, size: int) -> bytes:
        """Random bytes that follow from the seed."""
        return self._bytes.randbytes(size)

    def key(self, make: Callable[[], Any]) -> Any:
        """A private key: made and kept, or the one kept when the call was first made."""
        from cryptography.hazmat.primitives import serialization

        if self.playing and self._used < len(self.keys):
            self._used += 1
            return serialization.load_der_private_key(self.keys[self._used - 1], None)
        made = make()
        self.keys.append(
            made.private_bytes(
                serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        self._used += 1
        return made

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Make this thread see this execution's time and chance."""
        before = current()
        states = [(source, source.getstate()) for source in _sources()]
        for number, (source, _) in enumerate(states):
            source.seed(self.seed + bytes([number]))
        _local.execution = self
        try:
            yield
        finally:
            _local.execution = before
            for source, state in states:
                source.setstate(state)


def current() -> Execution | None:
    """The execution this thread is in, or None."""
    return getattr(_local, "execution", None)


@contextlib.contextmanager
def outside() -> Iterator[None]:
    """Leave the execution for a while: real chance, the clock's time (for waits on the outside world)."""
    execution = current()
    states = [(source, source.getstate()) for source in _sources()]
    _local.execution = None
    try:
        yield
    finally:
        _local.execution = execution
        for source, state in states:
            source.setstate(state)


def seed_of(*parts: str) -> bytes:
    """A seed that follows from names: for what comes about on first use, whoever uses it first."""
    return hashlib.sha256("\0".join(parts).encode()).digest()[:16]


def fresh_seed() -> bytes:
    """A seed by real chance."""
    return _host_urandom(16)


def cloud_time() -> float:
    """Cloud seconds since 1970 on the clock's line, also inside an execution."""
    return _Line.cloud + (_host_time() - _Line.host) * _Line.scale


_extra_sources: list[random.Random] = []


def _sources() -> list[random.Random]:
    return [random._inst, *_extra_sources]  # type: ignore[attr-defined,unused-ignore]


def add_source(source: random.Random) -> None:
    """Seed this generator too."""
    _extra_sources.append(source)


# -- what takes the place of the standard library's --------------------------------------------------------------------


def _time() -> float:
    execution = current()
    return execution.now if execution is not None else cloud_time()


def _time_ns() -> int:
    return int(_time() * 1e9)


def _sleep(seconds: float) -> None:
    execution = current()
    if execution is not None:
        execution.now += max(0.0, seconds)
    else:
        _host_sleep(seconds)


def _urandom(size: int) -> bytes:
    execution = current()
    return execution.urandom(size) if execution is not None else _host_urandom(size)


class _DatetimeType(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _RealDatetime)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return cls is subclass or issubclass(subclass, _RealDatetime)


class _Datetime(_RealDatetime, metaclass=_DatetimeType):
    """``datetime.datetime`` that asks the cloud for the time. Its instances are ordinary datetimes."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        return _RealDatetime.__new__(_RealDatetime if cls is _Datetime else cls, *args, **kwargs)

    @classmethod
    def now(cls, tz: Any = None) -> Any:
        return _RealDatetime.fromtimestamp(_time(), tz)

    @classmethod
    def utcnow(cls) -> Any:
        return _RealDatetime.fromtimestamp(_time(), datetime_module.UTC).replace(tzinfo=None)

    @classmethod
    def today(cls) -> Any:
        return _RealDatetime.fromtimestamp(_time())


def install() -> None:
    """Put the cloud's time and our chance in place of the standard library's, for the whole process."""
    set_clock(_host_time(), _host_time(), 1.0)
    _settle_compiled_code()
    gmtime, localtime, strftime = time_module.gmtime, time_module.localtime, time_module.strftime
    replacements: dict[str, Callable[..., Any]] = {
        "time": _time,
        "time_ns": _time_ns,
        "sleep": _sleep,
        "gmtime": lambda seconds=None: gmtime(_time() if seconds is None else seconds),
        "localtime": lambda seconds=None: localtime(_time() if seconds is None else seconds),
        "strftime": lambda form, moment=None: strftime(form, localtime(_time()) if moment is None else moment),
    }
    for name, replacement in replacements.items():
        setattr(time_module, name, replacement)
    datetime_module.datetime = _Datetime  # type: ignore[misc]
    os.urandom = _urandom
    random._urandom = _urandom  # type: ignore[attr-defined]
    _tape_private_keys()


def _settle_compiled_code() -> None:
    """Let cryptography's compiled half look up the real ``datetime``, which it keeps from its first certificate on."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    key, name, moment = ec.generate_private_key(ec.SECP256R1()), x509.Name([]), _RealDatetime(2000, 1, 1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, moment, moment)
    builder.sign(key, hashes.SHA256())


def _tape_private_keys() -> None:
    """OpenSSL's own generator cannot be seeded, so keys are kept instead of made again."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    for module in (ec, rsa):
        module.generate_private_key = _taped(module.generate_private_key)  # type: ignore[attr-defined]


def _taped(generate: Callable[..., Any]) -> Callable[..., Any]:
    def generate_private_key(*args: Any, **kwargs: Any) -> Any:
        execution = current()
        if execution is None:
            return generate(*args, **kwargs)
        return execution.key(lambda: generate(*args, **kwargs))

    return generate_private_key
