"""A namespace's nftables table as a value: what it consists of, and how one becomes another. Pure: text out.

Replacing a table takes the kernel some 15 ms, because it waits until no packet is within its hooks any more. What
comes and goes with interfaces is therefore kept in named sets and maps, and two tables that differ only in elements
become one another by elements alone, which waits for nothing and costs what the difference costs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from cloudarium.substrate.net import names

_TABLE = f"ip {names.NFT_TABLE}"
EMPTY = f"table {_TABLE} {{ }}\ndelete table {_TABLE}\n"
"""The transaction that removes the table, whether it is there or not."""


class Elements(msgspec.Struct, frozen=True):
    """A named set or map: how it is declared (`set`, its type) and what is in it."""

    kind: str
    type: str
    members: frozenset[str]


class Ruleset(msgspec.Struct, frozen=True):
    """A table: its chains, and its named sets and maps."""

    chains: tuple[str, ...]
    sets: Mapping[str, Elements] = {}

    def text(self) -> str:
        """The transaction that puts this table in place of whatever is there."""
        return "\n".join([EMPTY + f"table {_TABLE} {{", *self._declarations(), *self.chains, "}", ""])

    def _declarations(self) -> Iterator[str]:
        for name, one in self.sets.items():
            listed = f" elements = {{ {', '.join(sorted(one.members))} }};" if one.members else ""
            yield f"{one.kind} {name} {{ type {one.type};{listed} }}"

    def change(self, former: Ruleset) -> str | None:
        """The transaction that makes `former` this table by elements alone; None where that is not enough."""
        if self.chains != former.chains or self.sets.keys() != former.sets.keys():
            return None
        removed, added = [], []
        for name, one in self.sets.items():
            before = former.sets[name]
            if (one.kind, one.type) != (before.kind, before.type):
                return None
            if gone := sorted(before.members - one.members):
                removed.append(f"delete element {_TABLE} {name} {{ {', '.join(gone)} }}")
            if new := sorted(one.members - before.members):
                added.append(f"add element {_TABLE} {name} {{ {', '.join(new)} }}")
        # Removals come first: a key whose value changes is both.
        return "\n".join([*removed, *added, ""])
