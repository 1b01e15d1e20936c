import asyncio
import time
from typing import Any

import pytest

from cloudarium.kernel import clock as clock_module
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


class Host:
    """The host's clocks, set by hand. Stands in for the module ``time``."""

    CLOCK_BOOTTIME = time.CLOCK_BOOTTIME

    def __init__(self) -> None:
        self.steady, self.apart = 5_000.0, 1_700_000_000.0

    def time(self) -> float:
        return self.steady + self.apart

    def clock_gettime(self, which: int) -> float:
        assert which == self.CLOCK_BOOTTIME
        return self.steady


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    made = Host()
    monkeypatch.setattr(clock_module, "time", made)
    return made


async def test_a_host_clock_set_back_does_not_set_the_cloud_back(host: Host) -> None:
    """Time goes on from where it was, also for those who read by the line; nothing waits for the hour to come again."""
    clock = Clock()
    lines: list[ClockState] = []
    clock.watch(lines.append)
    start = clock.now()
    fired: list[float] = []
    clock.call_later(30, lambda: fired.append(clock.now()))
    host.steady += 10
    assert clock.now() == start + 10
    host.apart -= 3_600
    assert clock.now() == start + 10
    host.steady += 25
    assert clock.now() == start + 35 == lines[-1].at(host.time())
    clock._wake()
    assert fired == [start + 35]
    # What is put right again is no jump; what is set forward beyond that is followed.
    host.apart += 3_600
    host.steady += 5
    clock._wake()
    assert clock.now() == start + 40 == host.time() == lines[-1].at(host.time())
    host.apart += 600
    clock._wake()
    assert clock.now() == start + 640


async def test_a_host_clock_set_back_unseen_is_seen_at_the_next_wake(host: Host) -> None:
    clock = Clock()
    start = clock.now()
    host.steady += 10
    clock.now()
    host.apart -= 100
    host.steady += 200
    clock._wake()
    assert clock.now() == start + 210
    clock.freeze()
    host.apart -= 1_000
    assert clock.now() == start + 210
    clock.resume()
    host.steady += 1
    assert clock.now() == start + 211


async def test_small_corrections_of_the_host_clock_are_waited_out(host: Host) -> None:
    clock = Clock()
    lines: list[ClockState] = []
    clock.watch(lines.append)
    start = clock.now()
    host.apart -= 0.01
    assert clock.now() == start and lines == []
    host.steady += 1
    assert clock.now() == pytest.approx(start + 0.99)
