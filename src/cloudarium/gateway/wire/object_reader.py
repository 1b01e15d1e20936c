"""Requests whose body is already a tree of objects: JSON and CBOR.

https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html, .../aws-restjson1-protocol.html and
https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from cloudarium.gateway.wire import scalars
from cloudarium.gateway.wire.compiler import Compiler
from cloudarium.gateway.wire.models import Shape


class ObjectReader(Compiler):
    """Compiles input shapes; in ``cbor`` blobs and timestamps are values of their own and members keep their names."""

    def __init__(self, *, cbor: bool) -> None:
        helpers = {
            "wrong": scalars.wrong,
            "integer": scalars.integer_number,
            "real": scalars.float_number,
            "blob": scalars.blob_text,
            "timestamp": scalars.timestamp,
            "datetime": dt.datetime,
            "jsonvalue": json_value,
        }
        super().__init__(helpers)
        self._cbor = cbor

    def structure_body(self, shape: Shape) -> list[str]:
        lines = ["if type(v) is not dict: wrong(v, 'structure')", "r = {}", "g = v.get"]
        for name, member in shape.members.items():
            wire_name = name if self._cbor else member.location_name or name
            lines.append(f"x = g({wire_name!r})")
            lines.append(f"if x is not None: r[{name!r}] = {self.expression(member, 'x', wire_name)}")
        lines.append("return r")
        return lines

    def expression(self, shape: Shape, var: str, name: str) -> str:
        match shape.type:
            case "structure":
                return var if shape.raw.document else f"{self.structure(shape)}({var})"
            case "list":
                item = self.variable()
                inner = _sparse(shape, item, self.expression(shape.member, item, name))
                items = f"{var} if type({var}) is list else wrong({var}, 'list')"
                return f"[{inner} for {item} in ({items})]"
            case "map":
                key, item = self.variable(), self.variable()
                inner = _sparse(shape, item, self.expression(shape.value, item, name))
                check = f"{key} if type({key}) is str else wrong({key}, 'string')" if self._cbor else key
                items = f"{var} if type({var}) is dict else wrong({var}, 'map')"
                return f"{{{check}: {inner} for {key}, {item} in ({items}).items()}}"
            case "string" | "character":
                if shape.ref.jsonvalue:
                    return f"jsonvalue({var})"
                return f"{var} if type({var}) is str else wrong({var}, 'string')"
            case "integer" | "long":
                limit = scalars.LIMITS[shape.type]
                fast = f"type({var}) is int and {-limit} <= {var} < {limit}"
                return f"{var} if {fast} else integer({var}, {shape.type!r})"
            case "float" | "double":
                return f"{var} if type({var}) is float else real({var}, {shape.type!r})"
            case "boolean":
                return f"{var} if type({var}) is bool else wrong({var}, 'boolean')"
            case "timestamp":
                if self._cbor:
                    return f"{var} if type({var}) is datetime else wrong({var}, 'timestamp')"
                return f"timestamp({var})"
            case _:
                if self._cbor:
                    return f"{var} if type({var}) is bytes else wrong({var}, 'blob')"
                return f"blob({var})"


def _sparse(shape: Shape, var: str, inner: str) -> str:
    return f"None if {var} is None else {inner}" if shape.raw.sparse else inner


def json_value(value: Any) -> Any:
    """A member with the jsonvalue trait inside a body: JSON in a string, given to services as text."""
    return value if type(value) is str else scalars.wrong(value, "string")
