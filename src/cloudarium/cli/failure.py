"""How a command fails: an exit status, what went wrong, and what to do next."""

from __future__ import annotations

OK, REFUSED, USAGE, NOT_RUNNING = 0, 1, 2, 3
"""Exit statuses: done; refused or failed; wrong arguments; no cloud on that port."""


class Failure(Exception):
    """Ends the command. ``hint`` says what to do next."""

    def __init__(self, error: str, hint: str = "", status: int = REFUSED) -> None:
        super().__init__(error)
        self.error = error
        self.hint = hint
        self.status = status


def not_running(port: int) -> Failure:
    """There is no cloud on ``port``."""
    from cloudarium.substrate.host.runtime import running_ports

    error = f"no cloud is running on port {port}"
    if others := running_ports():
        listed = ", ".join(map(str, others))
        return Failure(error, f"this user's clouds are on port {listed}: say --port {others[0]}", NOT_RUNNING)
    which = "" if port == 4566 else f" --port {port}"
    return Failure(error, f"start one: cloudarium up{which} --detach", NOT_RUNNING)
