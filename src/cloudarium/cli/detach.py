"""``cloudarium up --detach``: the cloud goes to the background once it is ready, or says why it is not."""

from __future__ import annotations

import json
import os
import select
import signal
import sys

from cloudarium.cli.failure import OK, Failure
from cloudarium.cli.up import Announcer, Claim, describe, run
from cloudarium.substrate.host import logsink
from cloudarium.substrate.host.loop import READ, Loop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

_READY_SECONDS = 60.0


def detach(claim: Claim, as_json: bool, entry: str, modes: list[str] | None) -> int:
    """Start the cloud in a new session and wait until it is ready. Raises Failure with the reason and the log's end."""
    read_end, write_end = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        os.close(read_end)
        _background(claim, write_end, entry, modes)
    os.close(write_end)
    # The claim is the child's now; this process only holds copies of its descriptors until it ends.
    claim.owner = pid
    report = _wait(read_end, pid)
    if "error" not in report:
        print(json.dumps(report) if as_json else describe(report))
        return OK
    end = logsink.tail(claim.log)
    raise Failure(
        str(report["error"]), f"the end of its log, {claim.log}:\n{end}" if end else f"see its log: {claim.log}"
    )


def _wait(read_end: int, pid: int) -> dict[str, Any]:
    """The child's report: the facts of a ready cloud, or ``{"error": …}``."""
    data = b""
    poll = select.poll()
    poll.register(read_end, select.POLLIN)
    while not data.endswith(b"\n"):
        if not poll.poll(_READY_SECONDS * 1000):
            os.kill(pid, signal.SIGTERM)
            return {"error": f"the cloud was not ready within {_READY_SECONDS:.0f} s"}
        chunk = os.read(read_end, 65_536)
        if not chunk:
            return {"error": "the cloud ended before it was ready"}
        data += chunk
    report = json.loads(data)
    assert isinstance(report, dict)
    return report


class _Report(Announcer):
    """Announces to the waiting parent instead of a terminal."""

    def __init__(self, claim: Claim, pipe: int) -> None:
        super().__init__(claim, as_json=True, log=claim.log)
        self._pipe: int | None = pipe

    def announce(self, facts: dict[str, Any]) -> None:
        """Tell the parent that the cloud is ready; it then returns."""
        self.tell(facts)

    def tell(self, facts: dict[str, Any]) -> None:
        """Report once; later reports have nobody to hear them."""
        if self._pipe is not None:
            try:
                os.write(self._pipe, json.dumps(facts).encode() + b"\n")
            except OSError:
                pass  # the parent was interrupted; the cloud stays
            os.close(self._pipe)
            self._pipe = None


class _SinkStream:
    """Standard error of the agent: straight into the log, since it must never wait for a pipe it empties itself."""

    def __init__(self, sink: logsink.LogSink) -> None:
        self._sink = sink

    def write(self, text: str) -> int:
        self._sink.write(text.encode(errors="replace"))
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""


def _background(claim: Claim, report_pipe: int, entry: str, modes: list[str] | None) -> NoReturn:
    status = 1
    report = _Report(claim, report_pipe)
    try:
        os.setsid()
        claim.hold()
        sink = logsink.LogSink(claim.log)
        loop = Loop()
        output = _redirect(sink, loop)

        def in_child() -> None:
            os.close(output)
            os.close(report_pipe) if report._pipe is not None else None
            sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__

        try:
            status = run(claim, entry, modes, report, {"loop": loop, "in_child": in_child})
        except Failure as failure:
            print(f"cloudarium: {failure.error}", file=sys.stderr)
            report.tell({"error": failure.error})
        _drain(output, sink)
        if status == OK and claim.data_dir is None:
            for path in (claim.log, claim.log + ".1"):
                if os.path.exists(path):
                    os.unlink(path)
        claim.release()
    except BaseException as error:
        import traceback

        traceback.print_exc()
        report.tell({"error": f"{type(error).__name__}: {error}"})
    finally:
        os._exit(status)


def _redirect(sink: logsink.LogSink, loop: Loop) -> int:
    """Send what the tree prints through a pipe into the log. Returns the pipe's reading end."""
    read_end, write_end = os.pipe()
    os.set_blocking(read_end, False)
    null = os.open(os.devnull, os.O_RDONLY)
    for target, source in ((0, null), (1, write_end), (2, write_end)):
        os.dup2(source, target)
    os.close(null)
    os.close(write_end)
    stream: Any = _SinkStream(sink)
    sys.stdout = sys.stderr = stream
    loop.watch(read_end, READ, lambda _: _drain(read_end, sink, 16))
    return read_end


def _drain(read_end: int, sink: logsink.LogSink, reads: int = 1024) -> None:
    for _ in range(reads):
        try:
            data = os.read(read_end, 65_536)
        except BlockingIOError:
            return
        if not data:
            return
        sink.write(data)
