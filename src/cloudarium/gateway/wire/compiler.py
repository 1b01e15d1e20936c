"""Turns shapes into Python functions, once.

A codec is a subclass that says which expression converts a value of a shape. Scalars, lists and maps become
expressions; every structure becomes one function, so that recursive shapes work and nothing is generated twice.
What is generated reads like the code one would write by hand for that one operation, which is why it is fast: no
model is looked at while a request is served. One compiler serves one service, protocol and direction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cloudarium.gateway.wire.models import Shape


class Compiler:
    """Names, constants and pending structures of one generated module."""

    def __init__(self, helpers: Mapping[str, Any]) -> None:
        self._namespace: dict[str, Any] = dict(helpers)
        self._structures: dict[object, str] = {}
        self._pending: list[tuple[str, Shape]] = []
        self._variables = 0

    def function(self, shape: Shape) -> Callable[..., Any]:
        """The compiled function of a structure."""
        name = self.structure(shape)
        self._build()
        function: Callable[..., Any] = self._namespace[name]
        return function

    def expression_function(self, shape: Shape) -> Callable[[Any], Any]:
        """A function for any shape, also one that is not a structure."""
        name = f"e{len(self._namespace)}"
        source = f"def {name}(x):\n return {self.expression(shape, 'x', 'x')}\n"
        self._build()
        exec(compile(source, f"<wire {shape.name}>", "exec"), self._namespace)
        function: Callable[[Any], Any] = self._namespace[name]
        return function

    def structure(self, shape: Shape) -> str:
        """The name of a structure's function, scheduled to be written when it is new."""
        key = self.structure_key(shape)
        name = self._structures.get(key)
        if name is None:
            name = self._structures[key] = f"f{len(self._structures)}"
            self._pending.append((name, shape))
        return name

    def structure_key(self, shape: Shape) -> object:
        """What two uses of a structure must have in common to share a function."""
        return shape.name

    def constant(self, value: Any) -> str:
        """A name for a value the generated code needs."""
        name = f"c{len(self._namespace)}"
        self._namespace[name] = value
        return name

    def variable(self) -> str:
        """A name that no enclosing expression uses."""
        self._variables += 1
        return f"i{self._variables}"

    def expression(self, shape: Shape, var: str, name: str) -> str:
        """Python that converts ``var``; ``name`` is what the wire calls it, for errors."""
        raise NotImplementedError

    def structure_body(self, shape: Shape) -> list[str]:
        """The lines of a structure's function; its argument is ``v``."""
        raise NotImplementedError

    def _build(self) -> None:
        while self._pending:
            name, shape = self._pending.pop()
            lines = "\n".join(f" {line}" for line in self.structure_body(shape))
            exec(compile(f"def {name}(v):\n{lines}\n", f"<wire {shape.name}>", "exec"), self._namespace)
