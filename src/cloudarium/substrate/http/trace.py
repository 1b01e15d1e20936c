"""X-Amzn-Trace-Id.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-request-tracing.html
"""

import os
from itertools import count

_second = -1
_random = b""
_prefix = b""
_counter = count()
_BYTES = tuple(b"%02x" % number for number in range(256))


def new_trace(now: float) -> bytes:
    """A fresh `1-<8 hex of time>-<24 hex>`: 64 random bits a second and a counter, unique within the process."""
    global _second, _random, _prefix
    number, second = next(_counter), int(now)
    if second != _second:
        _second = second
        _random = b"1-%08x-%b" % (second & 0xFFFFFFFF, os.urandom(8).hex().encode())
        _prefix = _random + b"%06x" % (number >> 8 & 0xFFFFFF)
    elif not number & 255:
        # Formatting a number costs more than all else here: it is done for one in 256.
        _prefix = _random + b"%06x" % (number >> 8 & 0xFFFFFF)
    return _prefix + _BYTES[number & 255]


def trace_field(client: bytes | None, now: float) -> bytes:
    """The value to send to the target, given what the client sent.

    Without a Root one is put in front; with a Root the load balancer's Self is put in front, in place of an older Self.
    """
    if client is None:
        return b"Root=" + new_trace(now)
    parts = [part.strip() for part in client.split(b";") if part.strip()]
    if not any(part.startswith(b"Root=") for part in parts):
        return b";".join([b"Root=" + new_trace(now), *parts])
    kept = [part for part in parts if not part.startswith(b"Self=")]
    return b";".join([b"Self=" + new_trace(now), *kept])
