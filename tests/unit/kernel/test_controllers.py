import asyncio

from cloudarium.kernel.clock import Clock, ClockState
from cloudarium.kernel.controllers import Controller


async def test_every_key_is_reconciled_at_start_and_one_at_a_time() -> None:
    clock = Clock(ClockState(0, 0, 0))
    running: set[str] = set()
    done: list[str] = []

    async def reconcile(key: str) -> None:
        assert key not in running
        running.add(key)
        await asyncio.sleep(0.001)
        running.discard(key)
        done.append(key)

    controller = Controller(clock, "c", reconcile, lambda: ["a", "b"])
    controller.start()
    controller.enqueue("a")
    controller.enqueue("a")
    await clock.settle()
    assert sorted(done) == ["a", "a", "b"], "a key enqueued while it runs runs once more, however often"


async def test_errors_back_off_and_end() -> None:
    clock = Clock(ClockState(0, 0, 0))
    tries: list[float] = []

    async def reconcile(key: str) -> None:
        tries.append(clock.now())
        if len(tries) < 4:
            raise RuntimeError("not yet")

    Controller(clock, "c", reconcile, lambda: ["a"]).start()
    await clock.advance(60)
    assert [round(t, 1) for t in tries] == [0.0, 0.2, 0.6, 1.4]


async def test_looks_again_when_asked_and_sooner_when_woken() -> None:
    clock = Clock(ClockState(0, 0, 0))
    seen: list[float] = []

    async def reconcile(key: str) -> float | None:
        seen.append(clock.now())
        return 30.0 if len(seen) < 4 else None

    controller = Controller(clock, "c", reconcile, lambda: ["a"])
    controller.start()
    await clock.advance(40)
    controller.enqueue("a")
    await clock.advance(100)
    assert seen == [0.0, 30.0, 40.0, 70.0]


async def test_stop_cancels_steps_and_timers() -> None:
    clock = Clock(ClockState(0, 0, 0))
    seen: list[str] = []

    async def reconcile(key: str) -> float:
        seen.append(key)
        if key == "slow":
            await asyncio.Event().wait()
        return 1.0

    controller = Controller(clock, "c", reconcile, lambda: ["slow", "quick"])
    controller.start()
    await asyncio.sleep(0)
    await controller.stop()
    controller.enqueue("quick")
    await clock.advance(10)
    assert sorted(seen) == ["quick", "slow"]
