"""Scalars off the wire. Each reader takes what arrived and returns the Python value, or raises ``BadValue``."""

from __future__ import annotations

import binascii
import math
import os
import re
from typing import Any

from cloudarium.gateway.wire.timestamps import read_timestamp

LIMITS = {"integer": 2**31, "long": 2**63}
_INTEGER = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_FLOAT = re.compile(r"[+-]?(\d{1,400}(\.\d{0,400})?|\.\d{1,400})([eE][+-]?\d{1,4})?", re.ASCII)
_SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class BadValue(Exception):
    """A value of the wrong kind: ``kind`` is the model's name of what was wanted, ``name`` the wire's of where."""

    def __init__(self, value: object, kind: str, name: str = "") -> None:
        super().__init__(f"{value!r} is not {kind}")
        self.value = value
        self.kind = kind
        self.name = name


def integer_text(text: Any, kind: str, name: str = "") -> int:
    """An integer or long written out in text."""
    if type(text) is str and _INTEGER.fullmatch(text):
        number = int(text)
        limit = LIMITS[kind]
        if -limit <= number < limit:
            return number
    raise BadValue(text, kind, name)


def float_text(text: Any, kind: str, name: str = "") -> float:
    """A float or double written out in text, NaN and the infinities included."""
    if type(text) is str:
        if _FLOAT.fullmatch(text):
            return float(text)
        if text in _SPECIAL:
            return _SPECIAL[text]
    raise BadValue(text, kind, name)


def boolean_text(text: Any, name: str = "") -> bool:
    """``true`` or ``false``, in any case."""
    if type(text) is str:
        lowered = text.lower()
        if lowered == "true":
            return True
        if lowered == "false":
            return False
    raise BadValue(text, "boolean", name)


def string_text(text: Any, name: str = "") -> str:
    """A string where a structure or list may have come instead."""
    if type(text) is str:
        return text
    raise BadValue(text, "string", name)


def blob_text(text: Any, name: str = "") -> bytes:
    """Bytes from base64."""
    if type(text) is str:
        try:
            return binascii.a2b_base64(text.encode("ascii"), strict_mode=False)
        except (ValueError, UnicodeEncodeError):
            pass
    raise BadValue(text, "blob", name)


def timestamp(value: Any, name: str = "") -> Any:
    """An aware datetime from whatever spelling of an instant arrived."""
    try:
        return read_timestamp(value)
    except (ValueError, OverflowError) as error:
        raise BadValue(value, "timestamp", name) from error


def integer_number(value: Any, kind: str) -> int:
    """An integer from a JSON or CBOR number; a float counts when it is whole."""
    if type(value) is float and value.is_integer():
        value = int(value)
    if type(value) is int:
        limit = LIMITS[kind]
        if -limit <= value < limit:
            return value
    raise BadValue(value, kind)


def float_number(value: Any, kind: str) -> float:
    """A float from a JSON or CBOR number, or from the words JSON has for what is not finite."""
    if type(value) is float:
        return value
    if type(value) is int:
        try:
            return float(value)
        except OverflowError as error:
            raise BadValue(value, kind) from error
    if type(value) is str and value in _SPECIAL:
        return _SPECIAL[value]
    raise BadValue(value, kind)


def wrong(value: Any, kind: str) -> Any:
    """Refuse a value in an expression."""
    raise BadValue(value, kind)


def new_token() -> str:
    """An idempotency token for a caller who sent none: a random UUID, as the SDKs make them."""
    text = os.urandom(16).hex()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"
