"""Reading tar archives from people one does not trust: headers in, entries out. No files are touched.

The formats layers come in: v7, ustar, GNU (long names, sparse) and pax (sparse 0.0, 0.1, 1.0). Everything a header
may declare is bounded before memory is spent on it, and nothing recurses: metadata headers are a loop. The standard
library's reader holds extended headers of any declared size and calls itself once for each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from cloudarium.substrate.images.errors import CorruptLayer, HostileArchive

BLOCK = 512
_MAX_EXTENDED = 1 << 20
"""Bytes of one pax header or GNU long name: names end at 4096, extended attributes at 64 KiB each."""
_MAX_METADATA_IN_A_ROW = 16
_MAX_SPARSE_PARTS = 1 << 16
_MAX_SIZE = 1 << 62

FILE, HARDLINK, SYMLINK, CHARACTER, BLOCK_DEVICE, DIRECTORY, FIFO = "0", "1", "2", "3", "4", "5", "6"
_XATTR = "SCHILY.xattr."
_ENCODING = ("utf-8", "surrogateescape")


class Entry(msgspec.Struct, kw_only=True):
    """One member. ``size`` bytes of data follow it in the archive and are to be taken with ``TarReader.data``."""

    name: str
    kind: str
    """One of the constants above; formats' synonyms are resolved."""
    mode: int
    uid: int
    gid: int
    size: int
    mtime: float
    link: str
    major: int
    minor: int
    xattrs: dict[str, bytes]
    sparse: list[tuple[int, int]] | None = None
    """For a file with holes: where its stored data goes, as (offset, length) in order."""
    full_size: int = 0
    """The file's length with its holes."""


class Chunks:
    """Exact reads from an iterator of byte strings."""

    def __init__(self, source: Iterable[bytes]) -> None:
        self._source = iter(source)
        self._buffer = memoryview(b"")

    def some(self, limit: int) -> memoryview:
        """At least one byte and at most ``limit``; empty at the end."""
        while not self._buffer:
            chunk = next(self._source, None)
            if chunk is None:
                return self._buffer
            self._buffer = memoryview(chunk)
        part, self._buffer = self._buffer[:limit], self._buffer[limit:]
        return part

    def exact(self, count: int) -> bytes:
        """``count`` bytes. Raises ``CorruptLayer`` when fewer are left."""
        part = self.some(count)
        if len(part) == count:
            return bytes(part)
        parts, missing = [part], count - len(part)
        while missing:
            part = self.some(missing)
            if not part:
                raise CorruptLayer("archive/tar: unexpected end of the archive")
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)

    def skip(self, count: int) -> None:
        """Pass over ``count`` bytes."""
        while count:
            part = self.some(count)
            if not part:
                raise CorruptLayer("archive/tar: unexpected end of the archive")
            count -= len(part)

    def drain(self) -> None:
        """Read to the end: what follows the archive belongs to its digest."""
        while self.some(1 << 20):
            pass


class TarReader:
    """Entries in order. Data that was not taken is skipped."""

    def __init__(self, chunks: Chunks) -> None:
        self._chunks = chunks
        self._left = 0
        self._padding = 0
        self._globals: dict[str, bytes] = {}

    def __iter__(self) -> Iterator[Entry]:
        while (entry := self.next()) is not None:
            yield entry

    def data(self, limit: int = 1 << 20) -> Iterator[memoryview]:
        """The current entry's data, as it comes."""
        while self._left:
            part = self._chunks.some(min(limit, self._left))
            if not part:
                raise CorruptLayer("archive/tar: unexpected end of the archive")
            self._left -= len(part)
            yield part

    def next(self) -> Entry | None:
        """The next member, None after the last. Raises ``CorruptLayer`` and ``HostileArchive``."""
        self._chunks.skip(self._left + self._padding)
        self._left = self._padding = 0
        pax: dict[str, bytes] = {}
        parts: list[tuple[int, int]] = []
        long_name = long_link = None
        for _ in range(_MAX_METADATA_IN_A_ROW):
            header = self._header()
            if header is None:
                return None
            kind = chr(header[156])
            if kind in "xXgLK":
                body = self._extended(header)
                if kind in "xX":
                    pax, parts = _records(body)
                elif kind == "g":
                    self._globals |= _records(body)[0]
                    if len(self._globals) > 1000:
                        raise HostileArchive("archive/tar: too many global headers")
                elif kind == "L":
                    long_name = _text(body)
                else:
                    long_link = _text(body)
                continue
            return self._member(
                header, kind, self._globals | pax if self._globals else pax, parts, long_name, long_link
            )
        raise HostileArchive("archive/tar: too many extended headers in a row")

    def _header(self) -> bytes | None:
        first = self._chunks.some(BLOCK)
        if not first:
            return None
        # An archive may end without its two empty blocks; a single one ends it too.
        header = bytes(first) if len(first) == BLOCK else bytes(first) + self._chunks.exact(BLOCK - len(first))
        if not any(header):
            return None
        _check(header)
        return header

    def _extended(self, header: bytes) -> bytes:
        size = _number(header[124:136])
        if size > _MAX_EXTENDED:
            raise HostileArchive(f"archive/tar: an extended header of {size} bytes")
        body = self._chunks.exact(size)
        self._chunks.skip(-size % BLOCK)
        return body

    def _member(
        self,
        header: bytes,
        kind: str,
        pax: dict[str, bytes],
        parts: list[tuple[int, int]],
        long_name: str | None,
        long_link: str | None,
    ) -> Entry:
        name = long_name if long_name is not None else _name(header)
        size = _pax_number(pax, "size", _number(header[124:136]))
        if kind in ("0", "\0", "7") and name.endswith("/") and "path" not in pax:
            kind = DIRECTORY  # as v7 wrote them
        elif kind in ("\0", "7", "S"):
            kind = FILE
        entry = Entry(
            name=_text(pax["path"]) if "path" in pax else name,
            kind=kind,
            mode=_number(header[100:108]) & 0o7777,
            uid=_pax_number(pax, "uid", _number(header[108:116])),
            gid=_pax_number(pax, "gid", _number(header[116:124])),
            size=size if kind == FILE else 0,
            mtime=_time(pax, header),
            link=_text(pax["linkpath"]) if "linkpath" in pax else long_link or _text(header[157:257]),
            major=_number(header[329:337]) if kind in "34" else 0,
            minor=_number(header[337:345]) if kind in "34" else 0,
            xattrs={key[len(_XATTR) :]: value for key, value in pax.items() if key.startswith(_XATTR)},
        )
        entry.full_size = entry.size
        self._left, self._padding = (size, -size % BLOCK) if kind == FILE else (0, 0)
        if kind == FILE:
            self._sparse(entry, header, pax, parts, old_gnu=header[156:157] == b"S")
        elif kind not in (HARDLINK, SYMLINK, DIRECTORY, CHARACTER, BLOCK_DEVICE, FIFO):
            # A kind unknown here: its data is skipped, who unpacks decides about the entry.
            self._left, self._padding = size, -size % BLOCK
        return entry

    # -- files with holes ------------------------------------------------------------------------------------------

    def _sparse(
        self, entry: Entry, header: bytes, pax: dict[str, bytes], parts: list[tuple[int, int]], *, old_gnu: bool
    ) -> None:
        if old_gnu:
            entry.sparse, entry.full_size = self._old_gnu_map(header), _number(header[483:495])
        elif pax.get("GNU.sparse.major") == b"1":
            entry.full_size = _pax_number(pax, "GNU.sparse.realsize", 0)
            entry.name = _text(pax.get("GNU.sparse.name", entry.name.encode(*_ENCODING)))
            entry.sparse = self._map_in_data(entry)
        elif "GNU.sparse.size" in pax:
            entry.full_size = _pax_number(pax, "GNU.sparse.size", 0)
            entry.name = _text(pax.get("GNU.sparse.name", entry.name.encode(*_ENCODING)))
            if "GNU.sparse.map" in pax:
                numbers = [_decimal(part) for part in pax["GNU.sparse.map"].split(b",") if part]
                parts = list(zip(numbers[::2], numbers[1::2], strict=False))
            entry.sparse = parts
        if entry.sparse is not None:
            _check_map(entry)

    def _old_gnu_map(self, header: bytes) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = []
        block, start, count, more = header, 386, 4, header[482]
        while True:
            for index in range(count):
                at = start + 24 * index
                if block[at]:
                    found.append((_number(block[at : at + 12]), _number(block[at + 12 : at + 24])))
            if not more:
                return found
            if len(found) > _MAX_SPARSE_PARTS:
                raise HostileArchive("archive/tar: a file of too many parts")
            block, start, count = self._chunks.exact(BLOCK), 0, 21
            more = block[504]

    def _map_in_data(self, entry: Entry) -> list[tuple[int, int]]:
        """The map of sparse format 1.0: decimal lines before the data, padded to a block."""
        numbers: list[int] = []
        text, wanted = b"", 1
        while len(numbers) < wanted:
            if self._left < BLOCK:
                raise CorruptLayer("archive/tar: the map of a sparse file is cut off")
            self._left -= BLOCK
            lines = (text + self._chunks.exact(BLOCK)).split(b"\n")
            text = lines.pop()
            for line in lines:
                if len(numbers) < wanted:
                    numbers.append(_decimal(line))
                    if len(numbers) == 1:
                        wanted = 1 + 2 * numbers[0]
                        if numbers[0] > _MAX_SPARSE_PARTS:
                            raise HostileArchive("archive/tar: a file of too many parts")
            if len(numbers) < wanted and len(text) > 32:
                raise CorruptLayer("archive/tar: the map of a sparse file is not numbers")
        entry.size = self._left
        return list(zip(numbers[1::2], numbers[2::2], strict=True))


def _check_map(entry: Entry) -> None:
    end = stored = 0
    for offset, length in entry.sparse or ():
        if offset < end or length < 0 or offset + length > entry.full_size:
            raise CorruptLayer(f"archive/tar: the parts of {entry.name!r} overlap or are out of order")
        end, stored = offset + length, stored + length
    if stored != entry.size or entry.full_size > _MAX_SIZE:
        raise CorruptLayer(f"archive/tar: the parts of {entry.name!r} do not make up its data")


def _check(header: bytes) -> None:
    wanted = _number(header[148:156])
    unsigned = sum(header) - sum(header[148:156]) + 8 * 32
    if unsigned != wanted:
        signed = unsigned - 256 * sum(1 for at, byte in enumerate(header) if byte > 127 and not 148 <= at < 156)
        if signed != wanted:
            raise CorruptLayer("archive/tar: invalid tar header")


def _name(header: bytes) -> str:
    name = _text(header[:100])
    # GNU's own format keeps other things where ustar has the prefix.
    if header[257:263] == b"ustar\0" and header[345]:
        return f"{_text(header[345:500])}/{name}"
    return name


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode(*_ENCODING)


def _number(field: bytes) -> int:
    """Octal digits, or GNU's base 256 when the first bit is set."""
    if field[0] & 0x80:
        value = int.from_bytes(field, "big") & ((1 << (8 * len(field) - 1)) - 1)
        if field[0] & 0x40 or value > _MAX_SIZE:
            raise CorruptLayer("archive/tar: a negative or endless number in a header")
        return value
    digits = field.partition(b"\0")[0].strip()
    if not digits:
        return 0
    if not digits.isdigit() or b"8" in digits or b"9" in digits:
        raise CorruptLayer("archive/tar: a number in a header is not octal")
    return int(digits, 8)


def _decimal(text: bytes) -> int:
    if not text.isdigit() or len(text) > 19 or (value := int(text)) > _MAX_SIZE:
        raise CorruptLayer("archive/tar: a number in an extended header is none")
    return value


def _pax_number(pax: dict[str, bytes], key: str, default: int) -> int:
    return _decimal(pax[key]) if key in pax else default


def _time(pax: dict[str, bytes], header: bytes) -> float:
    if "mtime" not in pax:
        return float(_number(header[136:148])) if not header[136] & 0x80 else 0.0
    try:
        value = float(pax["mtime"][:40])
    except ValueError:
        raise CorruptLayer("archive/tar: a time in an extended header is none") from None
    return value if abs(value) < 1e11 else 0.0


def _records(body: bytes) -> tuple[dict[str, bytes], list[tuple[int, int]]]:
    """The records of a pax header, and the map that sparse format 0.0 spells with repeated keys."""
    found: dict[str, bytes] = {}
    offsets: list[int] = []
    lengths: list[int] = []
    position = 0
    while position < len(body):
        space = body.find(b" ", position, position + 20)
        if space < 0 or not body[position:space].isdigit():
            raise CorruptLayer("archive/tar: a malformed extended header")
        end = position + int(body[position:space])
        if end > len(body) or end <= space + 1 or body[end - 1] != 0x0A:
            raise CorruptLayer("archive/tar: a malformed extended header")
        key, equals, value = body[space + 1 : end - 1].partition(b"=")
        if not equals:
            raise CorruptLayer("archive/tar: a malformed extended header")
        if key == b"GNU.sparse.offset":
            offsets.append(_decimal(value))
        elif key == b"GNU.sparse.numbytes":
            lengths.append(_decimal(value))
        else:
            if key in (b"path", b"linkpath") and b"\0" in value:
                raise HostileArchive("archive/tar: a name with a zero byte")
            found[key.decode(*_ENCODING)] = value
        position = end
    return found, list(zip(offsets, lengths, strict=False))
