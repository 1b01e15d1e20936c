"""Imports point down only, and no service knows another (docs/architecture.md)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import cloudarium

ROOT = Path(cloudarium.__file__).parent
LAYERS = ("kernel", "substrate", "services", "gateway", "console", "cli")
"""From the ground up. What stands directly in the package (``cloud.py``) puts the layers together: it may see all."""


def imports() -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Every import of one of our modules by another: (importer, imported), as paths below the package."""
    for path in sorted(ROOT.rglob("*.py")):
        importer = path.relative_to(ROOT).with_suffix("").parts
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module is not None:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            for name in names:
                first, *below = name.split(".")
                if first == "cloudarium" and below:
                    yield importer, tuple(below)


def test_layers_import_only_what_is_below_them() -> None:
    """``kernel`` imports nothing of ours above it, and so on up."""
    seen, wrong = 0, []
    for importer, imported in imports():
        if importer[0] in LAYERS and imported[0] in LAYERS:
            seen += 1
            if LAYERS.index(imported[0]) > LAYERS.index(importer[0]):
                wrong.append(f"{'.'.join(importer)} imports {'.'.join(imported)}")
    assert seen > 100
    assert not wrong


def test_services_do_not_know_each_other() -> None:
    """They meet through the internal client and through events."""
    pairs = [(i, o) for i, o in imports() if i[0] == o[0] == "services" and len(i) > 2 and len(o) > 1]
    assert len(pairs) > 50
    wrong = [f"{'.'.join(i)} imports {'.'.join(o)}" for i, o in pairs if i[1] != o[1]]
    assert not wrong
