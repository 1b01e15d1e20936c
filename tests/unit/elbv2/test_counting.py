"""What is counted of requests, through the engine: together until somebody looks, and one by one for access logs."""

from __future__ import annotations

import asyncio
import socket
from contextlib import AsyncExitStack

from tests.unit.elbv2 import fakes
from tests.unit.http.harness import Client, answering, listening_socket, read_request, target

from cloudarium.services.elbv2.node.balancer import BalancerState
from cloudarium.services.elbv2.node.counting import GroupCounts, NodeCounts
from cloudarium.substrate.http.engine import ProxyEngine

NODE = "eni-us-east-1a"
SCRIPT = [
    ("/a", 200, 0.0123), ("/b", 404, 0.0123), ("/b", 200, 3.456), ("/b", 200, 0.00012), ("/a", 0, 0.0),
    ("/b", 503, 0.3333), ("/b", 200, 0.00012), ("/b", 200, 0.00012), ("/fixed", 404, 0.0), ("/b", 200, 0.00012),
]  # fmt: skip
"""Path, status of the target (0: it says nothing sensible), seconds that it takes."""


async def counted(*, logging: bool, healthy: bool = True) -> tuple[NodeCounts, GroupCounts, int]:
    """The counters of a node and its group after the script's requests, and how many log lines there were."""
    now = 1_700_000_000.0
    left = [each for each in SCRIPT if each[0] != "/fixed"]

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal now
        while True:
            await read_request(reader)
            _, status, seconds = left.pop(0)
            now += seconds
            writer.write(b"HTTP/1.1 %d X\r\nContent-Length: 2\r\n\r\nok" % status if status else b"?\r\n\r\n")

    async with AsyncExitStack() as stack:
        there = await stack.enter_async_context(target(script))

        async def dial(eni: str, address: str, port: int) -> socket.socket:
            return await there.upstream.dial(there.upstream)

        engine = ProxyEngine(asyncio.get_running_loop(), lambda: now)
        stack.push_async_callback(engine.close)
        state = BalancerState(engine, dial, lambda: None)
        rules = [
            fakes.rule(1, fakes.forward("g"), {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/a"]}}),
            fakes.rule(2, fakes.FIXED, {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/fixed"]}}),
            fakes.rule(0, fakes.forward("g")),
        ]
        group = fakes.group("g", fakes.target("a", "healthy" if healthy else "unhealthy"))
        logs = {"access_logs__s3__enabled": "true" if logging else "false"}
        state.apply(fakes.balancer(*rules, groups=(group,), **logs))
        listener = state.listener(NODE, 80)
        assert listener is not None
        listening = listening_socket()
        await engine.serve(listening, listener)
        client = Client(*await asyncio.open_connection(*listening.getsockname()))
        for path, status, _ in SCRIPT:
            assert (await client.get(path.encode()))[0] == (status or 502)
        assert state.pending() == state.pending() == len(SCRIPT)
        counts, lines = state.collect()
        assert state.collect()[0].nodes[NODE].requests == 0, "nothing counts twice"
        return counts.nodes[NODE], counts.groups[NODE][fakes.arn("g")], len(lines.get(NODE, []))


async def test_what_is_counted_together_is_counted_the_same() -> None:
    together, of_group, no_lines = await counted(logging=False)
    one_by_one, the_same, lines = await counted(logging=True)
    assert (no_lines, lines) == (0, len(SCRIPT))
    assert together == one_by_one and of_group == the_same
    assert (together.requests, together.fixed_responses, together.rule_evaluations) == (9, 1, 2 * 1 + 1 * 2 + 7 * 2)
    assert together.elb_codes == {404: 1, 502: 1}
    assert of_group.codes == {2: 6, 4: 1, 5: 1}
    assert of_group.response_times == {12_300: 2, 3_460_000: 1, 120: 4, 333_000: 1}
    assert of_group.unhealthy_routing == 0
    assert of_group.target_requests == {"a": 9} and of_group.target_errors == {"a": 1}


async def test_requests_to_unhealthy_targets_are_counted_as_such() -> None:
    counts, of_group, _ = await counted(logging=False, healthy=False)
    assert (counts.requests, of_group.requests, of_group.unhealthy_routing) == (9, 9, 9)
    assert of_group.response_times == {12_300: 2, 3_460_000: 1, 120: 4, 333_000: 1}


async def test_what_was_counted_before_access_logs_began_stays() -> None:
    async with target(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")) as there:

        async def dial(eni: str, address: str, port: int) -> socket.socket:
            return await there.upstream.dial(there.upstream)

        engine = ProxyEngine(asyncio.get_running_loop())
        state = BalancerState(engine, dial, lambda: None)
        group = fakes.group("g", fakes.target("a"))
        rule = fakes.rule(0, fakes.forward("g"))
        state.apply(fakes.balancer(rule, groups=(group,)))
        listener = state.listener(NODE, 80)
        assert listener is not None
        listening = listening_socket()
        await engine.serve(listening, listener)
        client = Client(*await asyncio.open_connection(*listening.getsockname()))
        for _ in range(3):
            await client.get()
        state.apply(fakes.balancer(rule, groups=(group,), access_logs__s3__enabled="true"))
        for _ in range(2):
            await client.get()
        counts, lines = state.collect()
        assert counts.nodes[NODE].requests == 5 and len(lines[NODE]) == 2
        state.apply(fakes.balancer(rule, groups=(group,)))
        await client.get()
        counts, lines = state.collect()
        assert counts.nodes[NODE].requests == 1 and not lines
        await engine.close()


async def test_a_changed_idle_timeout_holds_for_targets_that_are_there() -> None:
    """Lowered below the targets' own, it ends the 502s of connections that they close first: AWS's advice."""

    async def dial(eni_id: str, address: str, port: int) -> socket.socket:
        raise ConnectionRefusedError

    engine = ProxyEngine(asyncio.get_running_loop())
    state = BalancerState(engine, dial, lambda: None)
    for seconds in ("60", "5"):
        groups = (fakes.group("g", fakes.target("a")),)
        rule = fakes.rule(0, fakes.forward("g"))
        state.apply(fakes.balancer(rule, groups=groups, idle_timeout__timeout_seconds=seconds))
        (seat,) = state.nodes[NODE].groups[fakes.arn("g")].seats
        assert seat.upstream.idle_timeout == float(seconds)
    await engine.close()


async def test_connections_that_fail_are_errors_of_the_target() -> None:
    """Each target's own, however it fails: refused, or closed with a request outstanding."""

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.close()

    async with target(hang_up) as closing, target(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")) as well:

        async def dial(eni: str, address: str, port: int) -> socket.socket:
            there = {"10.0.0.2": closing, "10.0.0.3": well}.get(address)
            if there is None:
                raise ConnectionRefusedError
            return await there.upstream.dial(there.upstream)

        engine = ProxyEngine(asyncio.get_running_loop())
        state = BalancerState(engine, dial, lambda: None)
        group = fakes.group("g", *(fakes.target(name) for name in ("a", "bb", "ccc")))
        state.apply(fakes.balancer(fakes.rule(0, fakes.forward("g")), groups=(group,)))
        listener = state.listener(NODE, 80)
        assert listener is not None
        listening = listening_socket()
        await engine.serve(listening, listener)
        client = Client(*await asyncio.open_connection(*listening.getsockname()))
        assert [(await client.get())[0] for _ in range(6)] == [502, 502, 200] * 2
        of_group = state.collect()[0].groups[NODE][fakes.arn("g")]
        assert of_group.target_requests == {"a": 2, "bb": 2, "ccc": 2}
        assert of_group.target_errors == {"a": 2, "bb": 2}
        again = state.collect()[0].groups[NODE][fakes.arn("g")]
        assert not again.target_requests and not again.target_errors, "nothing counts twice"
        await engine.close()
