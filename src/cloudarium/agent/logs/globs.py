"""Which files a ``file_path`` means: Unix wildcards, and ``**`` for any number of folders.

``/var/log/**.log`` means every ``.log`` file below ``/var/log``; ``*`` and ``?`` never match a slash, as in the
documentation's glob library. Compressed files are no logs. Of several files the one modified last is followed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import re2

_COMPRESSED = (".gz", ".zip", ".bz2", ".xz", ".zst", ".tar", ".tgz", ".Z", ".7z")
_SPECIAL = "*?[{"
_MOST_VISITED = 100_000
"""Entries one look may visit; a path like ``/**`` must not occupy the agent for ever."""


def is_plain(path: str) -> bool:
    """Whether a path names one file."""
    return not any(character in path for character in _SPECIAL)


def translate(pattern: str) -> str:
    """A glob as an expression for whole paths. Raises ValueError for an unclosed bracket or brace."""
    parts: list[str] = []
    depth = at = 0
    while at < len(pattern):
        character = pattern[at]
        at += 1
        if character == "*":
            if pattern[at : at + 1] == "*":
                at += 1
                parts.append(".*")
            else:
                parts.append("[^/]*")
        elif character == "?":
            parts.append("[^/]")
        elif character == "[":
            end = pattern.find("]", at + 1)
            if end < 0:
                raise ValueError(f"{pattern!r} has a bracket without an end")
            inside = pattern[at:end].replace("\\", "\\\\").replace("[", "\\[")
            parts.append("[^" + inside[1:] + "]" if inside[0] in "!^" else "[" + inside + "]")
            at = end + 1
        elif character == "{":
            depth += 1
            parts.append("(?:")
        elif character == "}" and depth:
            depth -= 1
            parts.append(")")
        elif character == "," and depth:
            parts.append("|")
        else:
            parts.append(re2.escape(character))
    if depth:
        raise ValueError(f"{pattern!r} has a brace without an end")
    return "".join(parts)


class Glob:
    """The files of one pattern, except those whose name ``blacklist`` matches."""

    def __init__(self, path: str, blacklist: re2._Regexp[str] | None = None) -> None:
        path = os.path.join(os.getcwd(), path)
        self.path = path
        self._blacklist = blacklist
        self._plain = is_plain(path)
        if self._plain:
            return
        options = re2.Options()
        options.log_errors = False
        try:
            self._pattern = re2.compile(translate(path), options=options)
        except re2.error as error:
            raise ValueError(f"{path!r} is no pattern of files: {error}") from None
        fixed = path[: min(path.find(c) for c in _SPECIAL if c in path)]
        self._root = os.path.dirname(fixed) or "/"
        deep = "**" in path
        self._depth = None if deep else path.count("/") - self._root.rstrip("/").count("/") - 1

    def files(self) -> list[str]:
        """Regular files that match, the one modified last first."""
        found = [self.path] if self._plain else list(self._walk(self._root, 0, [_MOST_VISITED]))
        dated = []
        for path in found:
            try:
                status = os.stat(path)
            except OSError:
                continue
            if status.st_mode & 0o170000 == 0o100000:
                dated.append((-status.st_mtime_ns, path))
        return [path for _, path in sorted(dated)]

    def matches(self, path: str) -> bool:
        """Whether a path is meant by the pattern."""
        if self._plain:
            return path == self.path
        return self._pattern.fullmatch(path) is not None and self._wanted(os.path.basename(path))

    def _walk(self, folder: str, depth: int, left: list[int]) -> Iterator[str]:
        try:
            entries = sorted(os.scandir(folder), key=lambda each: each.name)
        except OSError:
            return
        for entry in entries:
            left[0] -= 1
            if left[0] < 0:
                return
            if entry.is_dir(follow_symlinks=False):
                if self._depth is None or depth < self._depth:
                    yield from self._walk(entry.path, depth + 1, left)
            elif self.matches(entry.path):
                yield entry.path

    def _wanted(self, name: str) -> bool:
        listed = self._blacklist is not None and self._blacklist.search(name) is not None
        return not listed and not name.endswith(_COMPRESSED)
