"""X-Amzn-Trace-Id.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-request-tracing.html
"""

from random import getrandbits


def new_trace(now: float) -> bytes:
    """A fresh `1-<8 hex of time>-<24 hex>`."""
    return b"1-%08x-%024x" % (int(now), getrandbits(96))


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
