"""JSON answers. What JSON can carry as it is goes to the encoder untouched; the rest is converted on the way."""

from __future__ import annotations

import math
from typing import Any

from cloudarium.gateway.wire import timestamps
from cloudarium.gateway.wire.compiler import Compiler
from cloudarium.gateway.wire.models import Shape
from cloudarium.gateway.wire.xml_reader import LOCATED


def special(value: float) -> str:
    """The words AWS writes for numbers JSON does not have."""
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


class JsonWriter(Compiler):
    """Compiles output shapes to objects that ``msgspec.json`` encodes (it writes bytes as base64 itself)."""

    def __init__(self) -> None:
        helpers: dict[str, Any] = {
            "special": special,
            "epoch": timestamps.epoch,
            "iso8601": timestamps.iso8601,
            "http_date": timestamps.http_date,
        }
        super().__init__(helpers)

    def structure_body(self, shape: Shape) -> list[str]:
        lines = ["g = v.get", "r = {}"]
        for name, member in shape.members.items():
            if member.ref.location in LOCATED:
                continue
            lines.append(f"x = g({name!r})")
            wire_name = member.location_name or name
            lines.append(f"if x is not None: r[{wire_name!r}] = {self.expression(member, 'x', wire_name)}")
        lines.append("return r")
        return lines

    def expression(self, shape: Shape, var: str, name: str) -> str:
        match shape.type:
            case "structure":
                return var if shape.raw.document else f"{self.structure(shape)}({var})"
            case "list":
                item = self.variable()
                inner = self.expression(shape.member, item, name)
                if inner == item:
                    return var
                return f"[{_sparse(shape, item, inner)} for {item} in {var}]"
            case "map":
                key, item = self.variable(), self.variable()
                inner = self.expression(shape.value, item, name)
                if inner == item:
                    return var
                return f"{{{key}: {_sparse(shape, item, inner)} for {key}, {item} in {var}.items()}}"
            case "float" | "double":
                return f"({var} if {var} - {var} == 0 else special({var}))"
            case "timestamp":
                formats = {"iso8601": "iso8601", "rfc822": "http_date"}
                return f"{formats.get(shape.timestamp_format or '', 'epoch')}({var})"
            case _:
                return var


def _sparse(shape: Shape, var: str, inner: str) -> str:
    return f"None if {var} is None else {inner}" if shape.raw.sparse else inner
