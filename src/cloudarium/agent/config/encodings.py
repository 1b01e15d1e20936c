"""The encodings a log file may have, and what Python calls them."""

from __future__ import annotations

import codecs

_LISTED = [
    "ascii",
    "big5",
    "euc-jp",
    "euc-kr",
    "gbk",
    "gb18030",
    "ibm866",
    "iso2022-jp",
    "iso8859-2",
    "iso8859-3",
    "iso8859-4",
    "iso8859-5",
    "iso8859-6",
    "iso8859-7",
    "iso8859-8",
    "iso8859-8-i",
    "iso8859-10",
    "iso8859-13",
    "iso8859-14",
    "iso8859-15",
    "iso8859-16",
    "koi8-r",
    "koi8-u",
    "macintosh",
    "shift_jis",
    "utf-8",
    "utf-16",
    "windows-874",
    "windows-1250",
    "windows-1251",
    "windows-1252",
    "windows-1253",
    "windows-1254",
    "windows-1255",
    "windows-1256",
    "windows-1257",
    "windows-1258",
    "x-mac-cyrillic",
]
_OTHERWISE = {
    "ibm866": "cp866",
    "iso8859-8-i": "iso8859_8",
    "macintosh": "mac_roman",
    "windows-874": "cp874",
    "x-mac-cyrillic": "mac_cyrillic",
}


def agent_encoding(name: str) -> str | None:
    """Python's codec for one of the names the CloudWatch agent documents; None for others."""
    lowered = name.lower()
    if lowered not in _LISTED:
        return None
    return codecs.lookup(_OTHERWISE.get(lowered, lowered)).name


def awslogs_encoding(name: str) -> str | None:
    """The older agent takes what Python's ``codecs.decode()`` takes, for text."""
    try:
        found = codecs.lookup(name)
    except LookupError:
        return None
    return found.name if getattr(found, "_is_text_encoding", True) else None


def newline(codec: str, head: bytes) -> tuple[str, bytes]:
    """The codec to decode single lines of a file with, and the bytes a line ends with.

    ``head`` is the file's beginning: a byte order mark decides for UTF-16 and UTF-32, little-endian without one.
    """
    if codec in ("utf-16", "utf-32"):
        big = head[:2] == b"\xfe\xff" if codec == "utf-16" else head[:4] == b"\x00\x00\xfe\xff"
        codec += "-be" if big else "-le"
    if codec in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"):
        return codec, "\n".encode(codec)
    return codec, b"\n"
