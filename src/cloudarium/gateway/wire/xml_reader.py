"""Bodies of rest-xml requests. https://smithy.io/2.0/aws/protocols/aws-restxml-protocol.html"""

from __future__ import annotations

from cloudarium.gateway.wire import scalars
from cloudarium.gateway.wire.compiler import Compiler
from cloudarium.gateway.wire.models import Shape
from cloudarium.gateway.wire.xml_tree import Element

LOCATED = frozenset(("uri", "querystring", "header", "headers", "statusCode"))


def pairs(nodes: list[Element], key: str, value: str) -> list[tuple[Element, Element]]:
    """Keys and values of map entries."""
    result = []
    for node in nodes:
        keys, values = node.children.get(key), node.children.get(value)
        if not keys or not values:
            raise scalars.BadValue(node.name, "map")
        result.append((keys[0], values[0]))
    return result


class XmlReader(Compiler):
    """Compiles input shapes for ``Element``; members bound to the URL or headers are left to the rest binding."""

    def __init__(self) -> None:
        helpers = {
            "integer": scalars.integer_text,
            "real": scalars.float_text,
            "boolean": scalars.boolean_text,
            "blob": scalars.blob_text,
            "timestamp": scalars.timestamp,
            "pairs": pairs,
        }
        super().__init__(helpers)

    def structure_body(self, shape: Shape) -> list[str]:
        lines = ["r = {}", "g = v.children.get"]
        for name, member in shape.members.items():
            if member.ref.location in LOCATED:
                continue
            if member.ref.xml_attribute:
                lines.append(f"x = v.attributes.get({member.location_name or name!r})")
                lines.append(f"if x is not None: r[{name!r}] = x")
                continue
            wire_name = self.name_of(member, name)
            lines.append(f"x = g({wire_name!r})")
            source = "x" if member.flattened and member.type in ("list", "map") else "x[0]"
            lines.append(f"if x: r[{name!r}] = {self.expression(member, source, wire_name)}")
        lines.append("return r")
        return lines

    def name_of(self, member: Shape, name: str) -> str:
        """What the wire calls a member's element."""
        return member.location_name or name

    def expression(self, shape: Shape, var: str, name: str) -> str:
        match shape.type:
            case "structure":
                return f"{self.structure(shape)}({var})"
            case "list":
                item = self.variable()
                nodes = var
                if not shape.flattened:
                    nodes = f"{var}.children.get({shape.member.location_name or 'member'!r}, ())"
                return f"[{self.expression(shape.member, item, name)} for {item} in {nodes}]"
            case "map":
                key, item = self.variable(), self.variable()
                nodes = var if shape.flattened else f"{var}.children.get('entry', ())"
                names = f"{shape.key.location_name or 'key'!r}, {shape.value.location_name or 'value'!r}"
                pair = f"{self.expression(shape.key, key, name)}: {self.expression(shape.value, item, name)}"
                return f"{{{pair} for {key}, {item} in pairs({nodes}, {names})}}"
            case "string" | "character":
                return f"{var}.text"
            case "integer" | "long":
                return f"integer({var}.text.strip(), {shape.type!r}, {name!r})"
            case "float" | "double":
                return f"real({var}.text.strip(), {shape.type!r}, {name!r})"
            case "boolean":
                return f"boolean({var}.text.strip(), {name!r})"
            case kind:
                return f"{kind}({var}.text, {name!r})"
