"""The HTTP engine alone as a reverse proxy beside HAProxy (one thread), before the same nginx.

    python bench/alb_engine.py [--seconds 3] [--rounds 5]

64 keep-alive connections; 2-byte and 64-KiB answers, and requests whose fields change every time, which spares the
engine none of its parsing. The proxies run in turn within each round, alone on one processor; wrk and nginx have
another. The ratio of processor time per request is the steadier number where something else runs beside.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import socket
import sys
import tempfile
from pathlib import Path

import report
from backend import haproxy, nginx
from load import Measured, get, middle, wrk
from processes import cpu_seconds, environment, free_port, http_ok, memory, pinned, running

CONNECTIONS = 64


def serve(port: int, target: int) -> None:
    """Run the engine with one rule and the counting that a load balancer does."""
    import uvloop

    from cloudarium.substrate.http.engine import ProxyEngine
    from cloudarium.substrate.http.exchange import Exchange
    from cloudarium.substrate.http.routing import Decision, Forward, Listener, ListenerSettings
    from cloudarium.substrate.http.upstream import Upstream

    class Counting:
        """One rule; requests, statuses and times per target."""

        def __init__(self, decision: Forward) -> None:
            self.decision = decision
            self.statuses = [0] * 6
            self.requests = self.received = self.sent = 0
            self.seconds = self.longest = 0.0

        def route(self, exchange: Exchange) -> Decision:
            return self.decision

        def finished(self, exchange: Exchange) -> None:
            self.requests += 1
            self.received += exchange.received_bytes
            self.sent += exchange.sent_bytes
            self.statuses[exchange.target_status // 100] += 1
            took = exchange.answered_at - exchange.sent_at
            self.seconds += took
            if took > self.longest:
                self.longest = took

    async def run() -> None:
        loop = asyncio.get_running_loop()

        async def dial(upstream: Upstream) -> socket.socket:
            made = socket.socket()
            made.setblocking(False)
            await loop.sock_connect(made, (upstream.address, upstream.port))
            return made

        engine = ProxyEngine(loop)
        router = Counting(Forward(Upstream("127.0.0.1", target, dial)))
        await engine.serve(
            socket.create_server(("127.0.0.1", port), backlog=1024), Listener(router, ListenerSettings())
        )
        gc.collect()
        gc.freeze()
        await asyncio.Event().wait()

    uvloop.run(run())


def changing(host: str) -> list[bytes]:
    """Requests of a browser, no two of a thousand alike."""
    fields = (
        "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en-US,en;q=0.5\r\n"
        "Accept-Encoding: gzip, deflate, br\r\nCache-Control: max-age=0\r\nConnection: keep-alive\r\n"
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    )
    head = f"GET /?page=%d HTTP/1.1\r\nHost: {host}\r\n{fields}Cookie: session=%032d\r\n\r\n"
    return [(head % (number, number)).encode() for number in range(997)]


def measure(proxies: dict[str, tuple[str, int]], seconds: int, rounds: int) -> list[list[str]]:
    """Rows of rates, latencies and processor time, the engine beside HAProxy."""
    rows = []
    for title in ("2 B", "64 KiB", "2 B, changing fields"):
        runs: dict[str, list[Measured]] = {name: [] for name in proxies}
        cost: dict[str, list[float]] = {name: [] for name in proxies}
        for _ in range(rounds):
            for name, (host, pid) in proxies.items():
                requests = changing(host) if "changing" in title else [get(host, "/64k" if "64" in title else "/")]
                before = cpu_seconds([pid])
                with pinned(1):
                    run = wrk(f"http://{host}/", requests, connections=CONNECTIONS, seconds=seconds)
                if run.failed:
                    sys.exit(f"{name} failed {run.failed} of {run.requests} requests ({title})")
                runs[name].append(run)
                cost[name].append((cpu_seconds([pid]) - before) / run.requests * 1e6)
        ours, theirs = (middle(each) for each in runs.values())
        work = [sorted(each)[rounds // 2] for each in cost.values()]
        best = [min(each) for each in cost.values()]
        rows.append(
            [
                title,
                f"{ours.rate:,.0f}",
                f"{theirs.rate:,.0f}",
                f"{ours.rate / theirs.rate:.2f} ×",
                f"{ours.p99:.1f} / {theirs.p99:.1f}",
                f"{work[0]:.1f} / {work[1]:.1f}",
                f"{best[1] / best[0]:.2f} ×",
            ]
        )
    return rows


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--serve", nargs=2, type=int, metavar=("PORT", "TARGET"), help=argparse.SUPPRESS)
    parser.add_argument("--print", action="store_true", help="print only; leave docs/benchmarks.md alone")
    options = parser.parse_args()
    if options.serve:
        serve(*options.serve)
        return
    conditions = report.conditions(HAProxy=report.version_of("haproxy", "-v"), nginx=report.version_of("nginx", "-v"))
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch, contextlib.ExitStack() as stack:
        folder = Path(scratch)
        target, one, hundred, port = (free_port() for _ in range(4))
        with pinned(1):
            stack.enter_context(nginx(target, folder))
        with pinned(0):
            rival = stack.enter_context(haproxy(one, hundred, target, folder))
            command = [sys.executable, __file__, "--serve", str(port), str(target)]
            engine, _ = stack.enter_context(running(command, lambda: http_ok(port), environment(), folder))
        proxies = {"engine": (f"127.0.0.1:{port}", engine), "HAProxy": (f"127.0.0.1:{one}", rival)}
        rows = measure(proxies, options.seconds, options.rounds)
        _, rss = memory([engine])
    head = ["answer", "engine req/s", "HAProxy req/s", "ratio", "p99 ms, engine / HAProxy"]
    head += ["CPU µs per request, engine / HAProxy", "ratio of the least CPU"]
    text = f"{conditions} · {CONNECTIONS} connections, {options.seconds} s, median of {options.rounds}, "
    text += "proxy on one processor, wrk and nginx on another\n\n" + report.table(head, rows)
    text += f"\n\nThe engine's process afterwards: RSS {rss:.0f} MiB."
    if options.print:
        print(text)
    else:
        report.publish("alb_engine", text)


if __name__ == "__main__":
    main()
