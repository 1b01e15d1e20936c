"""What can go wrong between a specification and a network."""

from __future__ import annotations


class NetworkError(Exception):
    """The kernel refused part of a network; the message names the object and the kernel's reason."""


class SpecError(ValueError):
    """A specification contradicts itself: the message names the object and what is wrong with it."""


class UnknownInterface(LookupError):
    """A network interface that is in no applied VPC."""

    def __init__(self, eni_id: str) -> None:
        super().__init__(f"no applied VPC has a network interface {eni_id!r}")


class NotSupported(Exception):
    """This machine, or this version, cannot do it; the message says what and why."""
