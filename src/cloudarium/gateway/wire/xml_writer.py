"""XML answers of query, ec2 and rest-xml, as text.

A value's expression yields what stands between its tags; the tags are added by the structure that holds it.
"""

from __future__ import annotations

import binascii
import math
import re
from typing import Any

from cloudarium.gateway.wire import timestamps
from cloudarium.gateway.wire.compiler import Compiler
from cloudarium.gateway.wire.models import Shape
from cloudarium.gateway.wire.xml_reader import LOCATED

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def escape(text: str) -> str:
    """Text between tags or in an attribute. Control characters become references, as S3 writes them."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    return _CONTROL.sub(lambda match: f"&#x{ord(match.group()):X};", text)


def blob(value: bytes | str) -> str:
    """Base64."""
    return binascii.b2a_base64(value.encode() if isinstance(value, str) else value, newline=False).decode("ascii")


def real(value: float) -> str:
    """A float, with the words XML has for what is not finite."""
    if value - value == 0:
        return repr(float(value))
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def attribute(name: str, value: str | None) -> str:
    """An attribute, when it has a value."""
    return "" if value is None else f' {name}="{escape(value)}"'


class XmlWriter(Compiler):
    """Compiles output shapes to text; ``iso`` writes timestamps without a format of their own."""

    def __init__(self, *, iso: Any = timestamps.iso8601) -> None:
        helpers = {
            "escape": escape,
            "AMP": "&",
            "LT": "<",
            "GT": ">",
            "blob": blob,
            "real": real,
            "attribute": attribute,
            "iso8601": iso,
            "epoch_text": timestamps.epoch_text,
            "http_date": timestamps.http_date,
        }
        super().__init__(helpers)

    def structure_body(self, shape: Shape) -> list[str]:
        lines = ["g = v.get", "s = ''"]
        for name, member in shape.members.items():
            if member.ref.location in LOCATED or member.ref.xml_attribute:
                continue
            lines.append(f"x = g({name!r})")
            lines.append(f"if x is not None: s += {self.element(member, self.name_of(member, name), 'x')}")
        lines.append("return s")
        return lines

    def name_of(self, member: Shape, name: str) -> str:
        """What the wire calls a member's element."""
        if member.type == "list" and member.flattened and member.member.location_name:
            return member.member.location_name
        return member.location_name or name

    def element(self, shape: Shape, tag: str, var: str) -> str:
        """An expression for the whole element of a member, or of each item when it is flattened."""
        if shape.type == "list" and shape.flattened:
            item = self.variable()
            return f"''.join([{self.element(shape.member, tag, item)} for {item} in {var}])"
        if shape.type == "map" and shape.flattened:
            return self._entries(shape, tag, var)
        inner = self.expression(shape, var, tag)
        start, end = f"<{tag}{namespace_attribute(shape)}", f"</{tag}>"
        attributes = self._attributes(shape, var)
        if attributes:
            return f"{start!r} + {attributes} + '>' + {inner} + {end!r}"
        return _enclosed(start + ">", inner, end)

    def _attributes(self, shape: Shape, var: str) -> str:
        if shape.type != "structure":
            return ""
        names = {name: member for name, member in shape.members.items() if member.ref.xml_attribute}
        return " + ".join(f"attribute({m.location_name or n!r}, {var}.get({n!r}))" for n, m in names.items())

    def expression(self, shape: Shape, var: str, name: str) -> str:
        match shape.type:
            case "structure":
                return f"{self.structure(shape)}({var})"
            case "list":
                item = self.variable()
                tag = shape.member.location_name or "member"
                return f"''.join([{self.element(shape.member, tag, item)} for {item} in {var}])"
            case "map":
                return self._entries(shape, "entry", var)
            case "string" | "character":
                if shape.enum:
                    return f"str({var})"
                # Nearly every string is plain; asking here, in place, is cheaper than any call.
                plain = f"AMP not in {var} and LT not in {var} and GT not in {var} and {var}.isprintable()"
                return f"({var} if {plain} else escape({var}))"
            case "integer" | "long":
                return f"str({var})"
            case "float" | "double":
                return f"real({var})"
            case "boolean":
                return f"('true' if {var} else 'false')"
            case "timestamp":
                formats = {"unixTimestamp": "epoch_text", "rfc822": "http_date"}
                return f"{formats.get(shape.timestamp_format or '', 'iso8601')}({var})"
            case _:
                return f"blob({var})"

    def _entries(self, shape: Shape, tag: str, var: str) -> str:
        key, item = self.variable(), self.variable()
        keys = self.element(shape.key, shape.key.location_name or "key", key)
        values = self.element(shape.value, shape.value.location_name or "value", item)
        start, end = f"<{tag}>", f"</{tag}>"
        return f"''.join([{start!r} + {keys} + {values} + {end!r} for {key}, {item} in {var}.items()])"


def namespace_attribute(shape: Shape) -> str:
    """The xmlns attribute of a shape that has one."""
    namespace = shape.xml_namespace
    if not namespace:
        return ""
    if isinstance(namespace, str):
        return f' xmlns="{namespace}"'
    prefix = namespace.get("prefix")
    return f' xmlns{":" + prefix if prefix else ""}="{namespace["uri"]}"'


def _enclosed(start: str, inner: str, end: str) -> str:
    """Text around an expression: one f-string where the expression may stand in one on Python 3.11 too."""
    if any(character in inner for character in "'\"\\{"):
        return f"{start!r} + ({inner}) + {end!r}"
    inner = inner.removeprefix("str(").removesuffix(")") if inner.startswith("str(") else inner
    return f"({start!r} f'{{{inner}}}' {end!r})"
