"""One call after another: run it, remember it, answer it. And on start, all of them again.

Calls run one at a time. That loses nothing (they are all Python's own computing) and it is what makes the order in the
journal the order in which things happened. Only while moto talks to the outside world do others run.
"""

from __future__ import annotations

import contextlib
import logging
import random
import threading
import zlib
from collections.abc import Iterator
from typing import Any

import msgspec

from cloudarium.substrate.moto import addresses, longpoll, replayable
from cloudarium.substrate.moto.engine import Answer, Engine, Refused
from cloudarium.substrate.moto.journal import Journal
from cloudarium.substrate.moto.reading import changes, operation_of
from cloudarium.substrate.moto.remembered import Remembered
from cloudarium.substrate.moto.replayable import Execution

log = logging.getLogger(__name__)

_encode = msgspec.msgpack.Encoder(enc_hook=str).encode


class Worker:
    """moto with a memory. ``journal`` None forgets everything at the end."""

    def __init__(self, journal: Journal | None, *, birth: float) -> None:
        """``birth`` (cloud seconds): when everything that is there from the beginning was made."""
        self._turn = threading.Lock()
        self._engine = Engine(self._outside)
        self._journal = journal
        self._birth = journal.birth if journal else birth
        self._once = Remembered()
        self.changes = 0
        """How many calls so far may have changed something."""
        self.replayed = 0
        self.differing = 0
        """How many replayed calls did not answer as they did the first time."""
        self._seed_backends()
        if journal is not None:
            self._replay(journal)

    @property
    def version(self) -> str:
        """The version of moto."""
        return self._engine.version

    def handle(self, header: dict[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
        """Answer one request of the cloud; never raises."""
        replayable.set_clock(*header["clock"])
        if header["kind"] == "key_owner":
            with self._turn:
                return {"result": self._engine.key_owner(header["access_key"])}, b""
        call = _described(header, body)
        with self._turn:
            longpoll.begin()
            made = self._once.get(call)
            if header.get("recall"):
                answer: tuple[dict[str, Any], bytes] = {"result": {"answer": made["result"]} if made else {}}, b""
            elif made is not None:
                answer = dict(made), b""
            elif not call.get("once") and not changes(call["service"], call["api"], call.get("method", "POST")):
                answer = self._guarded(call)
            else:
                answer = self._changing(call)
            told, content = answer
            if longpoll.wait():
                told["wait"] = longpoll.wait()
            told["changes"] = self.changes
        return told, content

    def _changing(self, call: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        moment = replayable.cloud_time()
        execution = Execution(moment, replayable.fresh_seed())
        with execution.running():
            answer = self._guarded(call)
        if not longpoll.came_empty():
            self.changes += 1
            if self._journal is not None:
                entry = {**call, "now": moment, "seed": execution.seed, "keys": execution.keys, "crc": _check(answer)}
                try:
                    self._journal.append(entry)
                except OSError as error:
                    log.error("the journal could not be written: %s", error)
                    return _error("ServiceUnavailable", f"the journal could not be written: {error}", 503), b""
        self._once.keep(call, answer[0])
        return answer

    def _guarded(self, call: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        where = f"{call['service']} {call['api'] or call.get('method', '')}".strip()
        try:
            answer = self._run(call)
        except Refused as refused:
            return _error(*refused.args), b""
        except Exception as error:
            log.exception("moto failed in %s", where)
            return _error("InternalFailure", f"moto failed in {where}: {type(error).__name__}: {error}", 500), b""
        if isinstance(answer, Answer):
            return {"status": answer.status, "headers": answer.headers}, answer.body
        try:
            return {"result": msgspec.Raw(_encode(answer))}, b""
        except (TypeError, ValueError, OverflowError) as error:
            return _error("InternalFailure", f"{where}: the result cannot be sent: {error}", 500), b""

    def _run(self, call: dict[str, Any]) -> Answer | dict[str, Any]:
        service, account, region = call["service"], call["account"], call["region"]
        if call["kind"] == "call":
            return self._engine.call(service, call["operation"], account, region, call["params"])
        headers = [(name, value) for name, value in call["headers"]]
        return self._engine.http(service, call["method"], call["target"], headers, call["body"], account, region)

    # -- again -----------------------------------------------------------------------------------------------------

    def _replay(self, journal: Journal) -> None:
        self._engine.offline = True
        for entry in journal.replay():
            with Execution(entry["now"], entry["seed"], entry["keys"]).running():
                answer = self._guarded(entry)
            self._once.keep(entry, answer[0])
            self.replayed += 1
            self.changes += 1
            if _check(answer) != entry["crc"]:
                self.differing += 1
                log.warning("%s %s came out differently when replayed", entry["service"], entry["api"])
        self._engine.offline = False

    def _seed_backends(self) -> None:
        """What moto makes on first use of a service in an account and region follows from their names."""
        from moto.core.base_backend import AccountSpecificBackend
        from moto.moto_api._internal import mock_random

        assert isinstance(mock_random, random.Random)
        replayable.add_source(mock_random)
        look_up = AccountSpecificBackend.__getitem__

        def seeded(backends: Any, region: str) -> Any:
            if dict.__contains__(backends, "aws" if region == "global" else region):
                return look_up(backends, region)
            seed = replayable.seed_of(backends.service_name, backends.account_id, region)
            with Execution(self._birth, seed).running():
                return look_up(backends, region)

        AccountSpecificBackend.__getitem__ = seeded  # type: ignore[method-assign]

    @contextlib.contextmanager
    def _outside(self) -> Iterator[None]:
        self._turn.release()
        try:
            with replayable.outside():
                yield
        finally:
            self._turn.acquire()


def _described(header: dict[str, Any], body: bytes) -> dict[str, Any]:
    """A request as the journal keeps it: with its service and its operation's API name where they can be told."""
    call = {name: header[name] for name in ("kind", "account", "region")}
    if header["kind"] == "call":
        operation = header["operation"]
        api = "".join(part.capitalize() for part in operation.split("_"))
        once = {"once": header["once"]} if header.get("once") else {}
        named = {"service": header["service"], "operation": operation, "api": api, "params": header["params"]}
        return {**call, **named, **once}
    fields = {name.lower(): value for name, value in header["headers"]}
    query = header["target"].partition("?")[2]
    return {
        **call,
        "service": header.get("service") or addresses.service_of(fields, query),
        "api": header.get("operation") or operation_of(fields, query, body),
        "method": header["method"],
        "target": header["target"],
        "headers": header["headers"],
        "body": body,
    }


def _error(code: str, message: str, status: int) -> dict[str, Any]:
    return {"error": [code, message, status]}


def _check(answer: tuple[dict[str, Any], bytes]) -> int:
    told, body = answer
    result = told.get("result")
    return zlib.crc32(body or (bytes(result) if result is not None else _encode(told.get("error"))))
