"""XML off the wire. No document type, no entities, bounded depth and number of elements."""

from __future__ import annotations

from xml.parsers import expat

MAX_DEPTH = 100
MAX_ELEMENTS = 250_000


class Element:
    """An element: its children by local name, its own text and its attributes."""

    __slots__ = ("attributes", "children", "name", "text")

    def __init__(self, name: str, attributes: dict[str, str]) -> None:
        self.name = name
        self.attributes = attributes
        self.children: dict[str, list[Element]] = {}
        self.text = ""


class BadXml(Exception):
    """The document is not well-formed, or is more than it may be."""


class _Builder:
    def __init__(self) -> None:
        self.root: Element | None = None
        self._open: list[Element] = []
        self._text: list[list[str]] = []
        self._count = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        element = Element(name.rpartition(":")[2], attributes)
        self._count += 1
        if len(self._open) >= MAX_DEPTH or self._count > MAX_ELEMENTS:
            raise BadXml(f"more than {MAX_DEPTH} levels or {MAX_ELEMENTS} elements")
        if self._open:
            self._open[-1].children.setdefault(element.name, []).append(element)
        elif self.root is None:
            self.root = element
        self._open.append(element)
        self._text.append([])

    def end(self, _name: str) -> None:
        element = self._open.pop()
        text = self._text.pop()
        if text and not element.children:
            element.text = "".join(text)

    def data(self, text: str) -> None:
        if self._text:
            self._text[-1].append(text)

    def refuse(self, *_: object) -> None:
        raise BadXml("a document type is not accepted")


def parse_xml(body: bytes) -> Element:
    """The root element of a document; raises ``BadXml``."""
    builder = _Builder()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = builder.refuse
    parser.EntityDeclHandler = builder.refuse
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise BadXml(str(error)) from error
    if builder.root is None:
        raise BadXml("no element")
    return builder.root
