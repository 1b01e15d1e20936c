"""CBOR answers, as bytes; the names of members are encoded when the code is generated."""

from __future__ import annotations

from typing import Any

from cloudarium.gateway.wire import cbor
from cloudarium.gateway.wire.compiler import Compiler
from cloudarium.gateway.wire.models import Shape


def array(items: list[bytes]) -> bytes:
    """An array of encoded items."""
    return cbor.head(4, len(items)) + b"".join(items)


def mapping(pairs: list[bytes]) -> bytes:
    """A map of encoded pairs."""
    return cbor.head(5, len(pairs)) + b"".join(pairs)


class CborWriter(Compiler):
    """Compiles output shapes to bytes."""

    def __init__(self) -> None:
        helpers: dict[str, Any] = {
            "text": cbor.text,
            "blob": cbor.blob,
            "integer": cbor.integer,
            "real": cbor.real,
            "timestamp": cbor.timestamp,
            "anything": cbor.anything,
            "array": array,
            "mapping": mapping,
        }
        super().__init__(helpers)

    def structure_body(self, shape: Shape) -> list[str]:
        lines = ["g = v.get", "s = []"]
        for name, member in shape.members.items():
            lines.append(f"x = g({name!r})")
            lines.append(f"if x is not None: s.append({cbor.text(name)!r} + {self.expression(member, 'x', name)})")
        lines.append("return mapping(s)")
        return lines

    def expression(self, shape: Shape, var: str, name: str) -> str:
        match shape.type:
            case "structure":
                return f"anything({var})" if shape.raw.document else f"{self.structure(shape)}({var})"
            case "list":
                item = self.variable()
                inner = _sparse(shape, item, self.expression(shape.member, item, name))
                return f"array([{inner} for {item} in {var}])"
            case "map":
                key, item = self.variable(), self.variable()
                inner = _sparse(shape, item, self.expression(shape.value, item, name))
                return f"mapping([text({key}) + ({inner}) for {key}, {item} in {var}.items()])"
            case "string" | "character":
                return f"text({var})"
            case "integer" | "long":
                return f"integer({var})"
            case "float" | "double":
                return f"real({var})"
            case "boolean":
                return f"(b'\\xf5' if {var} else b'\\xf4')"
            case "timestamp":
                return f"timestamp({var})"
            case _:
                return f"blob({var})"


def _sparse(shape: Shape, var: str, inner: str) -> str:
    return f"b'\\xf6' if {var} is None else {inner}" if shape.raw.sparse else inner
