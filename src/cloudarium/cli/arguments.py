"""Values on the command line: ports, durations, host:port."""

from __future__ import annotations

import re

_UNITS = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|[dhms]))+", re.ASCII)
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[dhms])", re.ASCII)


def duration(text: str) -> float:
    """Seconds of ``90``, ``90s``, ``5m``, ``1h30m``, ``2d``, ``1.5h``, ``250ms``. Raises ValueError."""
    bare = text.strip().replace(" ", "").lower()
    if re.fullmatch(r"\d+(\.\d+)?", bare, re.ASCII):
        return float(bare)
    if not _DURATION.fullmatch(bare):
        raise ValueError(f"{text!r} is not a duration; write for example 90, 90s, 5m, 1h30m or 2d")
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(bare))


def port(text: str) -> int:
    """A TCP port. Raises ValueError."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):
        raise ValueError(f"{text!r} is not a port; ports are 1 to 65535")
    return int(text)


def scale(text: str) -> float:
    """A speed of the clock: ``60`` or ``60x``. Raises ValueError."""
    try:
        factor = float(text.removesuffix("x"))
    except ValueError:
        factor = 0.0
    if not 0 < factor <= 100_000:
        raise ValueError(f"{text!r} is not a scale; write a number above 0 and up to 100000, 1 being real time")
    return factor


def host_port(text: str) -> tuple[str, int]:
    """``HOST:PORT``, ``[IPV6]:PORT``, or ``PORT`` alone for this machine. Raises ValueError."""
    host, colon, number = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(f"{text!r} is ambiguous; write an IPv6 address in brackets: [::1]:8080")
    if colon and not host:
        raise ValueError(f"{text!r} has no host; write HOST:PORT")
    return host or "127.0.0.1", port(number)


def account(text: str) -> str:
    """An account id. Raises ValueError."""
    if not re.fullmatch(r"\d{12}", text, re.ASCII):
        raise ValueError(f"{text!r} is not an account; account ids are 12 digits")
    return text


def region(text: str) -> str:
    """A region's name. Raises ValueError."""
    if not re.fullmatch(r"[a-z0-9-]{1,64}", text):
        raise ValueError(f"{text!r} is not a region; write for example us-east-1")
    return text
