"""Who ``user`` is, by the image's own /etc/passwd and /etc/group. Pure: text in, numbers out.

The grammar is Docker's: ``""``, ``user``, ``uid``, ``user:group``, ``uid:gid`` and their mixtures. A number that no
entry has is taken as it is, with group 0; a name must be there.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import NamedTuple

    class User(NamedTuple):
        """Who a process is to be."""

        uid: int
        gid: int
        groups: list[int]
        home: str
else:
    from collections import namedtuple

    User = namedtuple("User", "uid gid groups home")

MAX_ID = 2**31 - 1


class UnknownUser(Exception):
    """The image has no such user or group; the text is as Docker's."""


def resolve(wanted: str, passwd: str, group: str) -> User:
    """Find a user. Raises UnknownUser."""
    name, _, group_name = wanted.partition(":")
    number = _number(name or "0", "uid")
    found = None
    for entry in _entries(passwd, 6):
        if (name and entry[0] == name) or (number is not None and _number(entry[2], "") == number):
            found = entry
            break
    if found is None and number is None:
        raise UnknownUser(f"unable to find user {name}: no matching entries in passwd file")
    uid = number if number is not None else _number(found[2], "uid") if found else None
    if found is not None and name and found[0] == name:
        uid = _number(found[2], "uid")
    gid = (_number(found[3], "gid") if found else 0) or 0
    groups: list[int] = []
    if group_name:
        gid = _group(group_name, group)
    elif found is not None:
        for entry in _entries(group, 4):
            id_ = _number(entry[2], "")
            if id_ is not None and id_ != gid and found[0] in entry[3].split(","):
                groups.append(id_)
    # The primary group is among the others too: a program that changes only it must not gain by that.
    return User(uid or 0, gid, [gid, *groups], (found[5] if found else "") or "/")


def _group(wanted: str, text: str) -> int:
    number = _number(wanted, "gid")
    for entry in _entries(text, 3):
        id_ = _number(entry[2], "")
        if id_ is not None and entry[0] == wanted:
            return id_
    if number is None:
        raise UnknownUser(f"unable to find group {wanted}: no matching entries in group file")
    return number


def _entries(text: str, fields: int) -> Iterator[list[str]]:
    for line in text.splitlines():
        entry = line.strip().split(":")
        if len(entry) >= fields and not line.lstrip().startswith("#"):
            yield entry


def _number(text: str, what: str) -> int | None:
    """A number within the kernel's range; None for what is no number. Raises UnknownUser beyond it if ``what``."""
    if not (text.isascii() and text.isdigit()):
        return None
    value = int(text) if len(text) < 20 else MAX_ID + 1
    if value > MAX_ID:
        if what:
            raise UnknownUser(f"uids and gids must be in range 0-{MAX_ID}")
        return None
    return value
