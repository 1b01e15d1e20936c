"""Templates that are parsed: where, how often, and for how long they are remembered."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from tests.unit.cloudformation.conftest import Api, template

from cloudarium.services.cloudformation.engine import parsed
from cloudarium.services.cloudformation.template import parse


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Of every parsing, whether it held up the loop."""
    found: list[bool] = []

    def noted(*arguments: Any) -> Any:
        found.append(threading.current_thread() is threading.main_thread())
        return parse(*arguments)

    monkeypatch.setattr(parsed, "parse", noted)
    monkeypatch.setattr(parsed, "_memory", parsed._Memory(1_000_000))
    return found


async def test_long_templates_are_parsed_beside_the_loop_and_once(api: Api, threads: list[bool]) -> None:
    long = {f"T{n}": {"Name": "x" * 1_000} for n in range(40)}
    await api.make(long)
    assert await api.status() == "CREATE_COMPLETE"
    assert threads == [False]
    await api.make({"A": {}}, "short")
    assert threads == [False, True]


async def test_after_a_restart_too(api: Api, threads: list[bool], monkeypatch: pytest.MonkeyPatch) -> None:
    api.shelf.slow.add("T0")
    await api.make({f"T{n}": {"Name": "x" * 1_000} for n in range(40)})
    monkeypatch.setattr(parsed, "_memory", parsed._Memory(1_000_000))
    api.shelf.slow.clear()
    await api.restart()
    await api.settle(2)
    assert await api.status() == "CREATE_COMPLETE"
    assert threads == [False, False]


def test_only_so_much_is_remembered() -> None:
    texts = [template({f"A{n}": {}}) for n in range(3)]
    memory = parsed._Memory(2 * len(texts[0]))
    for text in texts:
        memory.put((text, None), parsed.known(text))
    assert [memory.get((text, None)) is not None for text in texts] == [False, True, True]
    memory = parsed._Memory(1)
    memory.put((texts[0], None), parsed.known(texts[0]))
    assert memory.get((texts[0], None)) is not None, "the last one is kept, however long it is"
