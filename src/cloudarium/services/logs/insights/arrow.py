"""Columns handed to DuckDB where they are in memory, by Arrow's C stream interface.

https://arrow.apache.org/docs/format/CStreamInterface.html: a struct of callbacks that give a schema and then one batch
of columns after the other; whoever takes a batch calls its ``release`` when done. Batches of the logs' storage have
Arrow's layout already, so nothing is copied and no library for Arrow is needed. Callbacks come in threads of DuckDB;
ctypes takes the interpreter's lock for them.
"""

from __future__ import annotations

import ctypes as c
import itertools
import logging
from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

log = logging.getLogger(__name__)

_EIO = 5


class Texts(NamedTuple):
    """Texts as offsets (int32, one more than texts) into UTF-8."""

    offsets: array[int]
    blob: bytes


Column: TypeAlias = "array[int] | Texts"
"""An array of type ``q``, or texts."""


class _Schema(c.Structure):
    pass


class _Array(c.Structure):
    pass


class _Stream(c.Structure):
    pass


_ReleaseSchema = c.CFUNCTYPE(None, c.POINTER(_Schema))
_ReleaseArray = c.CFUNCTYPE(None, c.POINTER(_Array))
_ReleaseStream = c.CFUNCTYPE(None, c.POINTER(_Stream))
_GetSchema = c.CFUNCTYPE(c.c_int, c.POINTER(_Stream), c.POINTER(_Schema))
_GetNext = c.CFUNCTYPE(c.c_int, c.POINTER(_Stream), c.POINTER(_Array))
_GetError = c.CFUNCTYPE(c.c_void_p, c.POINTER(_Stream))

_Schema._fields_ = [
    ("format", c.c_char_p),
    ("name", c.c_char_p),
    ("metadata", c.c_char_p),
    ("flags", c.c_int64),
    ("n_children", c.c_int64),
    ("children", c.POINTER(c.POINTER(_Schema))),
    ("dictionary", c.POINTER(_Schema)),
    ("release", _ReleaseSchema),
    ("private_data", c.c_void_p),
]
_Array._fields_ = [
    ("length", c.c_int64),
    ("null_count", c.c_int64),
    ("offset", c.c_int64),
    ("n_buffers", c.c_int64),
    ("n_children", c.c_int64),
    ("buffers", c.POINTER(c.c_void_p)),
    ("children", c.POINTER(c.POINTER(_Array))),
    ("dictionary", c.POINTER(_Array)),
    ("release", _ReleaseArray),
    ("private_data", c.c_void_p),
]
_Stream._fields_ = [
    ("get_schema", _GetSchema),
    ("get_next", _GetNext),
    ("get_last_error", _GetError),
    ("release", _ReleaseStream),
    ("private_data", c.c_void_p),
]
_new_capsule = c.pythonapi.PyCapsule_New
_new_capsule.restype = c.py_object
_new_capsule.argtypes = [c.c_void_p, c.c_char_p, c.c_void_p]

_lent: dict[int, object] = {}
"""What the other side still holds, by the number in ``private_data``."""
_numbers = itertools.count(1)


def _schema_released(pointer: Any) -> None:
    schema = pointer.contents
    _lent.pop(schema.private_data or 0, None)
    schema.release = _ReleaseSchema()


def _array_released(pointer: Any) -> None:
    batch = pointer.contents
    _lent.pop(batch.private_data or 0, None)
    batch.release = _ReleaseArray()


def _stream_released(pointer: Any) -> None:
    pointer.contents.release = _ReleaseStream()


_release_schema = _ReleaseSchema(_schema_released)
_release_array = _ReleaseArray(_array_released)
_release_stream = _ReleaseStream(_stream_released)


class Relation:
    """A relation that DuckDB can scan, any number of times: ``connection.register(name, relation)``.

    It must live as long as the connection knows it.
    """

    def __init__(self, schema: Sequence[tuple[str, type]], batches: Callable[[], Iterator[Sequence[Column]]]) -> None:
        """``schema``: names, and ``int`` or ``str``. ``batches`` begins a scan; its iterator is used in any thread."""
        self._schema = tuple(schema)
        self._batches = batches
        self._streams: list[object] = []

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """A stream in a capsule (the name is that of Arrow's PyCapsule interface)."""
        stream = _Scan(self._schema, self._batches)
        # DuckDB moves the struct; the callbacks in it have to outlive that.
        self._streams.append(stream)
        return stream.capsule()


class _Scan:
    def __init__(self, schema: tuple[tuple[str, type], ...], batches: Callable[[], Iterator[Sequence[Column]]]) -> None:
        self._schema = schema
        self._batches = batches
        self._iterator: Iterator[Sequence[Column]] | None = None
        self._error = c.create_string_buffer(b"")
        self._struct = _Stream(
            _GetSchema(self._get_schema), _GetNext(self._get_next), _GetError(self._get_error), _release_stream, None
        )

    def capsule(self) -> object:
        return _new_capsule(c.addressof(self._struct), b"arrow_array_stream", None)

    def _get_error(self, _stream: Any) -> int:
        # An address: ctypes would never free what a callback returns as bytes.
        return c.addressof(self._error)

    def _get_schema(self, _stream: Any, pointer: Any) -> int:
        children = (c.POINTER(_Schema) * len(self._schema))()
        parts = []
        for place, (name, kind) in enumerate(self._schema):
            format_ = b"u" if kind is str else b"l"
            part = _Schema(format=format_, name=name.encode(), release=_release_schema)
            parts.append(part)
            children[place] = c.pointer(part)
        whole = pointer.contents
        whole.format, whole.name, whole.flags = b"+s", b"", 0
        whole.n_children, whole.children = len(self._schema), children
        whole.release = _release_schema
        whole.private_data = _lend((children, parts))
        return 0

    def _get_next(self, _stream: Any, pointer: Any) -> int:
        try:
            if self._iterator is None:
                self._iterator = self._batches()
            columns = next(self._iterator, None)
            if columns is None:
                pointer.contents.release = _ReleaseArray()
            else:
                _fill(pointer.contents, columns)
        except Exception as error:
            # Nothing may be raised into foreign code; DuckDB asks for the text and fails the statement.
            self._error = c.create_string_buffer(f"{type(error).__name__}: {error}".encode())
            return _EIO
        return 0


def _fill(whole: Any, columns: Sequence[Column]) -> None:
    length = -1
    children = (c.POINTER(_Array) * len(columns))()
    parts: list[object] = []
    for place, column in enumerate(columns):
        if isinstance(column, Texts):
            count = len(column.offsets) - 1
            text = c.cast(c.c_char_p(column.blob), c.c_void_p).value
            buffers = (c.c_void_p * 3)(None, column.offsets.buffer_info()[0], text)
        else:
            count = len(column)
            buffers = (c.c_void_p * 2)(None, column.buffer_info()[0])
        if length not in (-1, count):
            raise ValueError("columns of different lengths")
        length = count
        part = _Array(length=count, n_buffers=len(buffers), buffers=buffers, release=_release_array)
        parts += [column, buffers, part]
        children[place] = c.pointer(part)
    none = (c.c_void_p * 1)(None)
    whole.length, whole.null_count, whole.offset = length, 0, 0
    whole.n_buffers, whole.buffers = 1, none
    whole.n_children, whole.children = len(columns), children
    whole.release = _release_array
    whole.private_data = _lend((columns, children, parts, none))


def _lend(what: object) -> int:
    number = next(_numbers)
    _lent[number] = what
    return number
