import asyncio
import time
from typing import Any

import pytest

from cloudarium.kernel.clock import SETTLE_GRACE, Clock, ClockState


async def frozen(at: float = 1000.0) -> Clock:
    clock = Clock(ClockState(0.0, at, 0.0))
    return clock


async def test_advance_fires_in_order_each_at_its_own_time() -> None:
    clock = await frozen()
    seen: list[tuple[str, float]] = []
    clock.call_later(30, lambda: seen.append(("b", clock.now())))
    clock.call_later(10, lambda: seen.append(("a", clock.now())))
    await clock.advance(60)
    assert seen == [("a", 1010.0), ("b", 1030.0)]
    assert clock.now() == 1060.0


async def test_advance_waits_for_what_a_timer_set_off() -> None:
    clock = await frozen()
    log: list[str] = []

    async def work(name: str) -> None:
        await asyncio.sleep(0.02)
        log.append(f"{name}@{clock.now():.0f}")

    for at in (10, 20):
        clock.call_later(at, lambda at=at: clock.spawn(work(str(at))))
    await clock.advance(20)
    assert log == ["10@1010", "20@1020"]


async def test_a_sleeping_loop_sees_every_tick_of_an_hour() -> None:
    clock = await frozen()
    ticks: list[float] = []

    async def every_minute() -> None:
        while True:
            await clock.sleep(60)
            await asyncio.sleep(0)
            ticks.append(clock.now())

    task = clock.spawn(every_minute())
    await clock.advance(3600)
    assert ticks == [1000.0 + 60 * n for n in range(1, 61)]
    task.cancel()


async def test_a_task_that_waits_for_the_outside_does_not_stop_the_clock_but_its_timeout_fires() -> None:
    clock = await frozen()
    outcome: list[str] = []

    async def probe() -> None:
        try:
            async with clock.timeout(5):
                await asyncio.Event().wait()
        except TimeoutError:
            outcome.append(f"timeout@{clock.now():.0f}")

    clock.call_later(1, lambda: clock.spawn(probe()))
    await clock.advance(20)
    assert outcome == ["timeout@1006"]


async def test_a_timeout_that_is_met_leaves_no_trace() -> None:
    clock = await frozen()
    async with clock.timeout(5):
        await asyncio.sleep(0)
    await clock.advance(10)
    assert clock.now() == 1010.0


async def test_cancelled_timers_never_fire_and_do_not_pile_up() -> None:
    clock = await frozen()
    for _ in range(5000):
        clock.call_later(60, lambda: pytest.fail("fired")).cancel()
    assert len(clock._heap) < 2500
    await clock.advance(120)


async def test_modes_and_the_line_are_continuous() -> None:
    clock = Clock()
    states: list[ClockState] = []
    clock.watch(states.append)
    clock.freeze()
    at = clock.now()
    assert clock.mode == "frozen"
    assert clock.now() == at
    clock.scale(1000)
    assert clock.mode == "scaled"
    assert clock.now() >= at
    clock.resume()
    assert clock.mode == "real"
    assert [s.scale for s in states] == [0.0, 1000, 1.0]
    with pytest.raises(ValueError, match="freeze"):
        clock.scale(0)


async def test_advance_of_a_running_clock_returns_to_its_pace() -> None:
    clock = Clock()
    before = clock.now()
    await clock.advance(3600)
    assert clock.mode == "real"
    assert clock.now() >= before + 3600


async def test_a_failing_callback_does_not_stop_the_others() -> None:
    clock = await frozen()
    seen: list[int] = []
    clock.call_later(1, lambda: 1 / 0)
    clock.call_later(2, lambda: seen.append(2))
    await clock.advance(3)
    assert seen == [2]


async def test_a_reader_tells_what_its_line_tells() -> None:
    for state in (ClockState(0.0, 0.0, 1.0), ClockState(100.0, 5000.0, 1.0), ClockState(0.0, 7.0, 0.0)):
        before, told, after = state.at(time.time()), state.reader()(), state.at(time.time())
        assert before <= told <= after


async def test_what_hangs_again_and_again_is_soon_known_to_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = await frozen()
    graces: list[float] = []
    wait_for = asyncio.wait_for

    async def counted(waiting: Any, timeout: float) -> Any:
        graces.append(timeout)
        return await wait_for(waiting, timeout)

    monkeypatch.setattr(asyncio, "wait_for", counted)
    ended: list[float] = []

    async def probe() -> None:
        try:
            async with clock.timeout(5):
                await asyncio.Event().wait()
        except TimeoutError:
            ended.append(clock.now())

    for at in (10, 20, 30):
        clock.call_later(at, lambda: clock.spawn(probe(), "probe of a target"))
    await clock.advance(60)
    assert ended == [1015.0, 1025.0, 1035.0]
    assert graces[0] == SETTLE_GRACE
    assert max(graces[1:]) < SETTLE_GRACE
