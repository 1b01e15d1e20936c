"""The cloud's side: hands the calls for services that are not ours to the child, which it starts when first needed."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.identity import PARTITION, Principal
from cloudarium.kernel.principals import KeyOwner, use_key_owners
from cloudarium.kernel.restarts import RestartBudget
from cloudarium.kernel.store import Scope
from cloudarium.kernel.supervision import Supervisor
from cloudarium.substrate.moto import ledger
from cloudarium.substrate.moto.process import Gone, MotoProcess
from cloudarium.substrate.moto.reading import changes

log = logging.getLogger(__name__)

ANSWERED_BY = "x-cloudarium-answered-by"
_MAX_UNDER_WAY = 500
_PATIENCE = 60.0
"""Host seconds after which a call is given up and the child, which must be stuck in it, is replaced."""
_POLL = 0.1
_POLL_ANYWAY = 10
"""A long poll asks again when anything changed, and every so many looks all the same: messages become visible."""
_IAM = "iam"


class MotoBridge:
    """The rest of AWS. One per cloud; costs nothing until first asked."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        path = cloud.store.path
        self._folder: Path | None = path.parent / "moto" if path is not None else None
        self._child: MotoProcess | None = None
        self._starting: asyncio.Task[MotoProcess] | None = None
        self._own_supervisor: Supervisor | None = None
        self._budget = RestartBudget()
        self._under_way = 0
        self._changes = 0
        self._iam_changes = 0
        self._iam_before = self._folder is not None and (self._folder / "iam").exists()
        use_key_owners(cloud, self)

    # -- what there is ---------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """Who answers, for the response header ``x-cloudarium-answered-by``."""
        return f"moto {ledger.version()}".strip()

    def owns(self, service: str) -> bool:
        """Whether calls to this service (botocore's name) are answered here."""
        return service not in self._cloud.services and ledger.folder_of(service) is not None

    def coverage(self, service: str) -> dict[str, bool]:
        """Every operation of a service by API name, and whether moto has it. Reads moto's files; starts nothing."""
        return dict(ledger.operations(service))

    @property
    def running(self) -> MotoProcess | None:
        """The child, when there is one."""
        return self._child if self._child is not None and self._child.alive else None

    # -- calls -----------------------------------------------------------------------------------------------------

    async def forward(
        self,
        method: str,
        target: str,
        headers: list[tuple[str, str]],
        body: bytes,
        account: str,
        region: str,
        *,
        service: str = "",
        operation: str = "",
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """Pass on a request as it came: ``target`` is the path as sent and, after ``?``, the query.

        ``service`` (botocore's name) and ``operation`` (the API's) are told from the request when left empty. Returns
        status, headers and body; raises ``AwsError`` when moto has no such operation or cannot be run.
        """
        if service and (not self.owns(service) or ledger.mistaken(service, operation)):
            raise _not_there(service, operation)
        header = {
            "kind": "http",
            "method": method,
            "target": target,
            "headers": headers,
            "account": account,
            "region": region,
            "service": service,
            "operation": operation,
        }
        self._note_iam(service, operation, method)
        answer, content = await self._ask_patiently(header, body)
        return answer["status"], [(name, value) for name, value in answer["headers"]], content

    async def call(
        self, service: str, operation: str, scope: Scope, principal: Principal, params: dict[str, Any]
    ) -> dict[str, Any]:
        """Call by snake-case name with boto3's parameters; boto3's result, streams read to bytes.

        With ``once=TOKEN`` among them the call is made once: again under the same token it answers what it answered,
        also after restarts. For callers that must not make two, and must know what they have made from what was there.
        With ``recall=TOKEN`` it is not made: that answer is told, as ``answer``, or ``{}`` where there is none.
        """
        recall = params.pop("recall", "")
        once = params.pop("once", recall)
        if not self.owns(service):
            raise _not_there(service, operation)
        region = scope.region if scope.region != "aws-global" else "us-east-1"
        header = {
            "kind": "call",
            "service": service,
            "operation": operation,
            "account": scope.account,
            "region": region,
            "params": params,
            "once": once,
            "recall": bool(recall),
        }
        self._note_iam(service, "".join(part.capitalize() for part in operation.split("_")), "POST")
        answer, _ = await self._ask_patiently(header)
        result: dict[str, Any] = answer["result"]
        return result

    async def _ask_patiently(self, header: dict[str, Any], body: bytes = b"") -> tuple[dict[str, Any], bytes]:
        """Ask, and where the call is a long poll that found nothing, again until it finds something or has waited."""
        began = self._cloud.clock.now()
        answer, content = await self._ask(header, body)
        if (wait := answer.get("wait", 0)) > 0:
            deadline = began + wait
            while answer.get("wait", 0) > 0 and self._cloud.clock.now() < deadline:
                seen = self._changes
                for _ in range(_POLL_ANYWAY):
                    # Host time: the child is looked at, nothing is timed. The wait itself is on the cloud's clock.
                    await asyncio.sleep(_POLL)
                    if self._changes != seen or self._cloud.clock.now() >= deadline:
                        break
                answer, content = await self._ask(header, body)
        return answer, content

    async def _ask(self, header: dict[str, Any], body: bytes = b"") -> tuple[dict[str, Any], bytes]:
        if self._under_way >= _MAX_UNDER_WAY:
            raise AwsError("ServiceUnavailable", f"{_MAX_UNDER_WAY} calls are already waiting for moto.", 503)
        self._under_way += 1
        try:
            child = await self._running_child()
            state = self._cloud.clock.state
            try:
                async with asyncio.timeout(_PATIENCE):
                    answer, content = await child.ask({**header, "clock": (state.host, state.cloud, state.scale)}, body)
            except TimeoutError:
                await child.stop()
                what = f"{header.get('service') or 'a call'} {header.get('operation') or ''}".strip()
                message = f"moto did not answer {what} within {_PATIENCE:.0f} s."
                raise AwsError("InternalFailure", message, 500) from None
        except Gone as gone:
            raise AwsError("ServiceUnavailable", f"{gone}; it is started again with the next call.", 503) from None
        finally:
            self._under_way -= 1
        self._changes = answer.get("changes", self._changes)
        if (error := answer.get("error")) is not None:
            raise AwsError(*error)
        return answer, content

    # -- the child -------------------------------------------------------------------------------------------------

    async def _running_child(self) -> MotoProcess:
        if self._child is not None and self._child.alive:
            return self._child
        if self._starting is None:
            self._starting = asyncio.get_running_loop().create_task(self._start(), name="moto start")
            self._starting.add_done_callback(self._started)
        return await asyncio.shield(self._starting)

    def _started(self, task: asyncio.Task[MotoProcess]) -> None:
        self._starting = None
        if not task.cancelled() and task.exception() is None:
            self._child = task.result()

    async def _start(self) -> MotoProcess:
        if not ledger.installed():
            raise AwsError(
                "NotImplemented",
                "This service is answered by moto, which is not installed. Install it: pip install 'cloudarium[moto]'",
                501,
            )
        if self._child is not None:
            await self._child.stop()
        pause = self._budget.spend(self._cloud.clock.host_time())
        if pause is None:
            raise Gone("the moto process keeps ending (the log says why)")
        # Host time: how fast a crashing process is started again has nothing to do with the cloud's clock.
        await asyncio.sleep(pause)
        child = MotoProcess()
        try:
            await child.start(self._supervisor(), self._folder, self._cloud.clock.now())
        except BaseException:
            await child.stop()
            raise
        if child.ready["replayed"]:
            log.info("moto %(version)s replayed %(replayed)d calls, %(differing)d answered differently", child.ready)
        return child

    def _supervisor(self) -> Supervisor:
        if self._cloud.supervisor is not None:
            return self._cloud.supervisor
        if self._own_supervisor is None:
            self._own_supervisor = Supervisor(self._cloud.clock)
        return self._own_supervisor

    async def close(self) -> None:
        """End the child. Its journal stays."""
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        if self._child is not None:
            await self._child.stop()
            self._child = None
        self._budget = RestartBudget()

    async def reset(self) -> None:
        """Forget everything: end the child and delete its journal."""
        await self.close()
        self._iam_changes += 1
        if self._folder is not None:
            import shutil

            await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    # -- whose keys (kernel.principals.KeyOwners) ------------------------------------------------------------------

    @property
    def key_epoch(self) -> int:
        """Changes whenever an access key may have come or gone; 0 while there cannot be any."""
        return self._iam_changes + 1 if self._iam_changes or self._iam_before else 0

    async def key_owner(self, access_key: str) -> KeyOwner | None:
        """The IAM user whose active access key this is."""
        answer, _ = await self._ask({"kind": "key_owner", "access_key": access_key})
        found = answer["result"]
        if found is None:
            return None
        arn = found["Arn"].replace("arn:aws:", f"arn:{PARTITION}:", 1)
        return KeyOwner(found["account"], arn, found["UserId"], found["UserName"])

    def _note_iam(self, service: str, operation: str, method: str) -> None:
        """Count what may change access keys. A mark beside the journal says after a restart that there are some."""
        if service and (service != _IAM or not changes(service, operation, method)):
            return
        if not service and method != "POST":
            return
        self._iam_changes += 1
        if self._folder is not None and self._iam_changes == 1:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self._folder / "iam").touch()


def _not_there(service: str, operation: str) -> AwsError:
    what = f"{service}:{operation}" if operation else service
    if not ledger.installed():
        return AwsError(
            "NotImplemented", f"{what} needs moto, which is not installed: pip install 'cloudarium[moto]'", 501
        )
    return AwsError("NotImplemented", f"{what} is implemented neither in Cloudarium nor in moto yet.", 501)
