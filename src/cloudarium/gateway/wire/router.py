"""Finds the operation of a REST request by method, path, query constants and what the operation requires.

Several operations may share a method and path (S3 has thirty on ``/{Bucket}``). Those whose query constants are there
are candidates; the one that has all it requires, and fits most closely, is meant.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cloudarium.gateway.wire.message import unquote
from cloudarium.gateway.wire.models import OperationModel, ServiceModel

MAX_SEGMENTS = 512


class Route:
    """One operation's template."""

    __slots__ = (
        "constants",
        "deprecated",
        "known_query",
        "labels",
        "literals",
        "name",
        "required_headers",
        "required_query",
    )

    def __init__(self, model: ServiceModel, operation: OperationModel, query: str) -> None:
        self.name = operation.name
        self.deprecated = operation.deprecated
        self.labels: list[str] = []
        self.literals = 0
        self.constants = [pair.partition("=")[::2] for pair in query.split("&") if pair]
        self.known_query = {name for name, _ in self.constants}
        self.required_query: list[str] = []
        self.required_headers: list[str] = []
        shape = model.shapes[operation.input.shape] if operation.input else None
        for member, ref in shape.members.items() if shape else ():
            assert shape is not None
            name = ref.location_name or member
            required = member in shape.required
            if ref.location == "querystring":
                self.known_query.add(name)
                if required:
                    self.required_query.append(name)
            elif ref.location == "header" and required:
                self.required_headers.append(name.lower())

    def fit(self, query: Mapping[str, list[str]], headers: Mapping[str, str]) -> tuple[int, ...] | None:
        """How well a request fits, smallest best; None when a query constant is missing."""
        for name, value in self.constants:
            if name not in query or (value and value not in query[name]):
                return None
        required = len(self.required_query) + len(self.required_headers)
        missing = sum(name not in query for name in self.required_query)
        missing += sum(name not in headers for name in self.required_headers)
        strange = len(query.keys() - self.known_query)
        return (missing, -self.literals, -len(self.constants), -required, strange, self.deprecated)


class _Node:
    __slots__ = ("greedy", "label", "literals", "routes")

    def __init__(self) -> None:
        self.literals: dict[str, _Node] = {}
        self.label: _Node | None = None
        self.greedy: list[tuple[tuple[str, ...], Route]] = []
        self.routes: list[Route] = []


class Match:
    """A route and the raw values of its labels."""

    __slots__ = ("fit", "route", "values")

    def __init__(self, route: Route, values: list[str], fit: tuple[int, ...]) -> None:
        self.route = route
        self.values = values
        self.fit = fit

    def path_params(self) -> dict[str, str]:
        """The decoded labels; raises ``AwsError`` for bytes that are not UTF-8."""
        return dict(zip(self.route.labels, map(unquote, self.values), strict=True))


class Router:
    """The routes of one service."""

    def __init__(self, model: ServiceModel) -> None:
        self._methods: dict[str, _Node] = {}
        for operation in model.operations.values():
            self._add(model, operation)

    def _add(self, model: ServiceModel, operation: OperationModel) -> None:
        path, _, query = operation.http.request_uri.partition("?")
        route = Route(model, operation, query)
        node = self._methods.setdefault(operation.http.method, _Node())
        segments = [segment for segment in path.split("/") if segment]
        for position, segment in enumerate(segments):
            if segment.endswith("+}"):
                route.labels.append(segment[1:-2])
                suffix = tuple(segments[position + 1 :])
                route.literals += len(suffix)
                node.greedy.append((suffix, route))
                return
            if segment.startswith("{"):
                route.labels.append(segment[1:-1])
                node.label = node.label or _Node()
                node = node.label
            else:
                route.literals += 1
                node = node.literals.setdefault(segment, _Node())
        node.routes.append(route)

    def match(self, method: str, path: str, query: Mapping[str, list[str]], headers: Mapping[str, str]) -> Match | None:
        """The route that fits best, or None; ``path`` is raw, ``query`` decoded."""
        root = self._methods.get(method)
        if root is None:
            return None
        segments = path[1:].split("/", MAX_SEGMENTS) if path.startswith("/") else path.split("/", MAX_SEGMENTS)
        best: Match | None = None
        for route, values in _walk(root, segments, 0, []):
            fit = route.fit(query, headers)
            if fit is not None and (best is None or fit < best.fit):
                best = Match(route, values, fit)
        return best


def _walk(node: _Node, segments: list[str], position: int, values: list[str]) -> Iterator[tuple[Route, list[str]]]:
    rest = len(segments) - position
    if rest == 0 or (rest == 1 and not segments[position]):
        for route in node.routes:
            yield route, values
    if rest == 0:
        return
    segment = segments[position]
    if segment in node.literals:
        yield from _walk(node.literals[segment], segments, position + 1, values)
    if node.label is not None and segment:
        yield from _walk(node.label, segments, position + 1, [*values, segment])
    for suffix, route in node.greedy:
        tail = len(suffix)
        value = "/".join(segments[position : len(segments) - tail])
        if rest > tail and value and (not tail or tuple(segments[-tail:]) == suffix):
            yield route, [*values, value]
