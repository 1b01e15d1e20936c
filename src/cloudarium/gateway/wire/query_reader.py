"""Requests of the query and ec2 protocols: ``Filter.1.Value.2=x`` becomes a tree, the tree becomes values.

https://smithy.io/2.0/aws/protocols/aws-query-protocol.html and .../aws-ec2-query-protocol.html
"""

from __future__ import annotations

from typing import Any

from cloudarium.gateway.wire import scalars
from cloudarium.gateway.wire.compiler import Compiler
from cloudarium.gateway.wire.message import malformed_query
from cloudarium.gateway.wire.models import Shape

MAX_DEPTH = 48
Tree = dict[str, Any]

# What a request carries besides the operation's own parameters; version 2 signatures use names that may be members.
ENVELOPE = frozenset(
    (
        "Action",
        "Version",
        "X-Amz-Algorithm",
        "X-Amz-Credential",
        "X-Amz-Date",
        "X-Amz-Expires",
        "X-Amz-SignedHeaders",
        "X-Amz-Signature",
        "X-Amz-Security-Token",
        "X-Amz-Content-Sha256",
        "X-Amz-Content-SHA256",
    )
)
VERSION_2 = ENVELOPE | frozenset(
    (
        "AWSAccessKeyId",
        "Signature",
        "SignatureMethod",
        "SignatureVersion",
        "Timestamp",
        "Expires",
        "SecurityToken",
    )
)


class UnknownMember(Exception):
    """A parameter the operation does not have (only EC2 minds)."""

    def __init__(self, node: Tree, name: str) -> None:
        super().__init__(name)
        self.node = node
        self.name = name


def tree_of(form: dict[str, str]) -> Tree:
    """Nest dotted names; a name that is both a value and a parent keeps its value under an empty name."""
    root: Tree = {}
    envelope = VERSION_2 if "AWSAccessKeyId" in form else ENVELOPE
    for name, value in form.items():
        if name in envelope:
            continue
        if "." not in name:
            node, leaf = root, name
        else:
            *parents, leaf = name.split(".", MAX_DEPTH)
            if "." in leaf:
                raise malformed_query(f"The parameter {name[:100]} is nested too deeply.")
            node = root
            for parent in parents:
                below = node.get(parent)
                if type(below) is not dict:
                    below = {} if below is None else {"": below}
                    node[parent] = below
                node = below
        existing = node.get(leaf)
        if type(existing) is dict:
            existing[""] = value
        else:
            node[leaf] = value
    return root


def path_of(root: Tree, node: Tree, name: str) -> str:
    """The dotted name of a parameter found under ``node``."""
    stack: list[tuple[str, Tree]] = [("", root)]
    while stack:
        prefix, current = stack.pop()
        if current is node:
            return prefix + name
        stack.extend((f"{prefix}{key}.", below) for key, below in current.items() if type(below) is dict)
    return name


def indexed(node: Any) -> list[Any]:
    """The items of a list in the order of their numbers."""
    if type(node) is not dict:
        if node == "":
            return []
        raise scalars.BadValue(node, "list")
    try:
        return [node[key] for key in sorted(node, key=int) if key]
    except ValueError as error:
        if "" in node:
            return indexed({key: below for key, below in node.items() if key})
        raise scalars.BadValue(next(iter(node)), "list") from error


def wrapped(node: Any, name: str) -> list[Any]:
    """The items of a list whose numbers are below another name (``member``, mostly)."""
    if type(node) is not dict:
        return indexed(node)
    inner = node.get(name)
    return [] if inner is None else indexed(inner)


def entries(node: Any, key: str, value: str) -> list[tuple[Any, Any]]:
    """Keys and values of a map."""
    pairs = []
    for entry in indexed(node):
        if type(entry) is not dict or key not in entry:
            raise scalars.BadValue(entry, "map")
        pairs.append((entry[key], entry.get(value, "")))
    return pairs


def members(node: Any) -> Tree:
    """The members of a structure; an empty value is an empty structure."""
    if type(node) is dict:
        return node
    if node == "":
        return {}
    raise scalars.BadValue(node, "structure")


def check_known(node: Tree, known: frozenset[str]) -> None:
    """Refuse the first parameter that is not known."""
    for name in node:
        if name not in known and name:
            raise UnknownMember(node, name)


class QueryReader(Compiler):
    """Compiles input shapes for form parameters; for ``ec2`` lists have no wrapper and names are capitalized."""

    def __init__(self, *, ec2: bool) -> None:
        helpers = {
            "string": scalars.string_text,
            "integer": scalars.integer_text,
            "real": scalars.float_text,
            "boolean": scalars.boolean_text,
            "blob": scalars.blob_text,
            "timestamp": scalars.timestamp,
            "indexed": indexed,
            "wrapped": wrapped,
            "entries": entries,
            "members": members,
            "check_known": check_known,
        }
        super().__init__(helpers)
        self._ec2 = ec2

    def structure_body(self, shape: Shape) -> list[str]:
        lines = ["if type(v) is not dict: v = members(v)", "r = {}", "g = v.get"]
        known = []
        for name, member in shape.members.items():
            wire_name = self.name_of(member, name)
            known.append(wire_name)
            lines.append(f"x = g({wire_name!r})")
            lines.append(f"if x is not None: r[{name!r}] = {self.expression(member, 'x', wire_name)}")
        if self._ec2:
            lines.append(f"if len(r) != len(v): check_known(v, {self.constant(frozenset(known))})")
        lines.append("return r")
        return lines

    def name_of(self, member: Shape, name: str) -> str:
        """What the wire calls a member."""
        if self._ec2:
            if member.ref.query_name:
                return member.ref.query_name
            location = member.location_name
            return location[0].upper() + location[1:] if location else name
        if member.type == "list" and member.flattened and member.member.location_name:
            return member.member.location_name
        return member.location_name or name

    def expression(self, shape: Shape, var: str, name: str) -> str:
        match shape.type:
            case "structure":
                return f"{self.structure(shape)}({var})"
            case "list":
                return self._list(shape, var, name)
            case "map":
                return self._map(shape, var, name)
            case "string" | "character":
                return f"{var} if type({var}) is str else string({var}, {name!r})"
            case "integer" | "long":
                return f"integer({var}, {shape.type!r}, {name!r})"
            case "float" | "double":
                return f"real({var}, {shape.type!r}, {name!r})"
            case kind:
                return f"{kind}({var}, {name!r})"

    def _list(self, shape: Shape, var: str, name: str) -> str:
        item = self.variable()
        inner = self.expression(shape.member, item, name)
        if self._ec2 or shape.flattened:
            return f"[{inner} for {item} in indexed({var})]"
        wrapper = shape.member.location_name or "member"
        return f"[{inner} for {item} in wrapped({var}, {wrapper!r})]"

    def _map(self, shape: Shape, var: str, name: str) -> str:
        key, value = self.variable(), self.variable()
        source = var if shape.flattened else f"({var}.get('entry', '') if type({var}) is dict else {var})"
        names = f"{shape.key.location_name or 'key'!r}, {shape.value.location_name or 'value'!r}"
        pair = f"{self.expression(shape.key, key, name)}: {self.expression(shape.value, value, name)}"
        return f"{{{pair} for {key}, {value} in entries({source}, {names})}}"
