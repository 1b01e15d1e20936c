"""Capabilities: Docker's default set, and what ``add`` and ``drop`` make of it. Pure.

https://docs.docker.com/engine/containers/run/#runtime-privilege-and-linux-capabilities
"""

from __future__ import annotations

from collections.abc import Iterable

ALL = tuple(
    f"CAP_{name}"
    for name in [
        "CHOWN",
        "DAC_OVERRIDE",
        "DAC_READ_SEARCH",
        "FOWNER",
        "FSETID",
        "KILL",
        "SETGID",
        "SETUID",
        "SETPCAP",
        "LINUX_IMMUTABLE",
        "NET_BIND_SERVICE",
        "NET_BROADCAST",
        "NET_ADMIN",
        "NET_RAW",
        "IPC_LOCK",
        "IPC_OWNER",
        "SYS_MODULE",
        "SYS_RAWIO",
        "SYS_CHROOT",
        "SYS_PTRACE",
        "SYS_PACCT",
        "SYS_ADMIN",
        "SYS_BOOT",
        "SYS_NICE",
        "SYS_RESOURCE",
        "SYS_TIME",
        "SYS_TTY_CONFIG",
        "MKNOD",
        "LEASE",
        "AUDIT_WRITE",
        "AUDIT_CONTROL",
        "SETFCAP",
        "MAC_OVERRIDE",
        "MAC_ADMIN",
        "SYSLOG",
        "WAKE_ALARM",
        "BLOCK_SUSPEND",
        "AUDIT_READ",
        "PERFMON",
        "BPF",
        "CHECKPOINT_RESTORE",
    ]
)
"""In the kernel's order: the place is the number."""

DEFAULT = tuple(
    f"CAP_{name}"
    for name in [
        "CHOWN",
        "DAC_OVERRIDE",
        "FSETID",
        "FOWNER",
        "MKNOD",
        "NET_RAW",
        "SETGID",
        "SETUID",
        "SETFCAP",
        "SETPCAP",
        "NET_BIND_SERVICE",
        "SYS_CHROOT",
        "KILL",
        "AUDIT_WRITE",
    ]
)


class UnknownCapability(ValueError):
    """Not a capability of Linux; the text is for people."""


def choose(add: Iterable[str], drop: Iterable[str], *, privileged: bool, possible: int) -> list[str]:
    """The capabilities of a container.

    ``possible`` is the bit mask of those this process could give. Those of the default set it cannot give are left
    out; raises UnknownCapability for an unknown name, or one asked for that cannot be given.
    """
    added, dropped = [_name(each) for each in add], [_name(each) for each in drop]
    if privileged or "ALL" in added:
        chosen = set(ALL)
    elif "ALL" in dropped:
        chosen = set()
    else:
        chosen = set(DEFAULT)
    chosen = (chosen - set(dropped)) | {each for each in added if each != "ALL"}
    for each in added:
        if each != "ALL" and not possible >> ALL.index(each) & 1:
            raise UnknownCapability(f"{each} cannot be given: this cloud does not have it itself")
    return [name for number, name in enumerate(ALL) if name in chosen and possible >> number & 1]


def mask(names: Iterable[str]) -> int:
    """The bit mask of some names."""
    return sum(1 << ALL.index(name) for name in names)


def _name(text: str) -> str:
    name = text.upper()
    if name == "ALL":
        return name
    name = name if name.startswith("CAP_") else f"CAP_{name}"
    if name not in ALL:
        raise UnknownCapability(f"unknown capability: {text}")
    return name
