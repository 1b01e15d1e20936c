"""Signals by name, as images and task definitions say them."""

from __future__ import annotations

import signal

from cloudarium.substrate.compute.errors import ComputeError


def signal_number(name: str) -> int:
    """``SIGTERM``, ``TERM``, ``RTMIN+3`` or ``15``; empty is SIGTERM. Raises ComputeError."""
    text = name.strip().upper() or "TERM"
    if text.isdigit() and 0 < int(text) <= signal.SIGRTMAX:
        return int(text)
    text = text if text.startswith("SIG") else f"SIG{text}"
    base, plus, offset = text.partition("+")
    try:
        number = int(signal.Signals[base])
        number += int(offset) if plus else 0
    except (KeyError, ValueError):
        raise ComputeError("invalid", f"invalid signal: {name}") from None
    return number
