"""The process in which moto runs. It ends when the cloud closes the socket or dies."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cloudarium.substrate.moto import frames, replayable
from cloudarium.substrate.moto.process import BIRTH, FOLDER

if TYPE_CHECKING:
    from cloudarium.substrate.moto.worker import Worker

_THREADS = 16
"""Calls under way at once. They take turns; more than one is only of use while moto waits for the outside world."""

_SETTINGS = {
    "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
    "MOTO_ALLOW_NONEXISTENT_REGION": "true",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}
_FOREIGN = ("AWS_", "MOTO_", "BOTO")
"""A person's own settings of AWS tools are meant for other programs."""

log = logging.getLogger(__name__)


def serve(channel: int, stream: int) -> None:
    """Serve the cloud over the ``stream`` socket until it is closed; ``channel`` is the supervisor's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.basicConfig(level=logging.WARNING, format="moto %(levelname)s %(name)s: %(message)s")
    os.set_inheritable(stream, False)
    folder, birth = os.environ[FOLDER], float(os.environ[BIRTH])
    for name in [name for name in os.environ if name.startswith(_FOREIGN)]:
        del os.environ[name]
    os.environ.update(_SETTINGS)
    replayable.install()
    # Only now: what these import must find the cloud's time and our chance.
    from cloudarium.substrate.moto.journal import Journal
    from cloudarium.substrate.moto.worker import Worker

    worker = Worker(Journal(Path(folder), birth) if folder else None, birth=birth)
    _Server(socket.socket(fileno=stream), worker).serve()
    # Threads of moto's own (state machines, batch jobs) must not keep a process that nobody can reach.
    os._exit(0)


class _Server:
    def __init__(self, stream: socket.socket, worker: Worker) -> None:
        self._stream = stream
        self._worker = worker
        self._reader = stream.makefile("rb", buffering=1 << 16)
        self._writing = threading.Lock()

    def serve(self) -> None:
        """Read requests until the other side is gone; answer each in a thread."""
        worker = self._worker
        counts = {"replayed": worker.replayed, "differing": worker.differing}
        self._send({"id": frames.READY, "version": worker.version, **counts})
        threads = ThreadPoolExecutor(_THREADS)
        while len(prefix := self._reader.read(frames.PREFIX.size)) == frames.PREFIX.size:
            head, size = frames.lengths(prefix)
            header = frames.decode(self._reader.read(head))
            body = self._reader.read(size) if size else b""
            if len(body) < size:
                return
            threads.submit(self._answer, header, body)

    def _answer(self, header: dict[str, Any], body: bytes) -> None:
        try:
            told, content = self._worker.handle(header, body)
            self._send({**told, "id": header["id"]}, content)
        except OSError:
            os._exit(0)
        except Exception:
            log.exception("a request could not be answered")
            self._send({"id": header["id"], "error": ["InternalFailure", "the answer could not be sent", 500]})

    def _send(self, header: dict[str, Any], body: bytes = b"") -> None:
        with self._writing:
            for buffer in frames.pack(header, body):
                self._stream.sendall(buffer)
