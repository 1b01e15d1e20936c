"""Signals to wait conditions: a URL on the one port per handle, to which programs send JSON by PUT.

``curl -X PUT -H 'Content-Type:' --data-binary '{"Status":"SUCCESS","UniqueId":"1","Data":"…","Reason":"…"}' URL``

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-waitcondition.html
"""

from __future__ import annotations

import msgspec

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.store import Scope
from cloudarium.services.cloudformation.engine.waking import wake_waiting
from cloudarium.services.cloudformation.resources import Handle
from cloudarium.substrate.http.server import Request, Response

WAITS = "AWS::CloudFormation::WaitCondition"
"""The type of resource that waits for signals."""
PATH = "/cloudformation-waitcondition/"
_MOST_BYTES = 8_192
_MOST_SIGNALS = 1_000


class Signal(msgspec.Struct):
    """What is sent."""

    Status: str
    UniqueId: str
    Reason: str = ""
    Data: str = ""


_decoder = msgspec.json.Decoder(Signal)


def url(cloud: Cloud, scope: Scope, handle_id: str) -> str:
    """Where signals of a handle are sent."""
    return f"http://127.0.0.1:{cloud.port}{PATH}{scope.account}/{scope.region}/{handle_id}"


def handle_in(address: str) -> str:
    """The id of the handle that an address is of."""
    return address.rpartition("/")[2]


class SignalDoor:
    """Takes signals."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    async def answer(self, request: Request) -> Response:
        """Keep a signal for the condition that waits for it; the first of a unique id counts."""
        parts = request.path.decode("latin-1").removeprefix(PATH).split("/")
        table = self._cloud.store.table(Handle)
        scope = Scope(*parts[:2]) if len(parts) == 3 else Scope("", "")
        handle = table.get(scope, parts[-1])
        if handle is None:
            return _said(404, "No such wait condition handle.")
        if request.method != b"PUT":
            return _said(405, "Signals are sent by PUT.")
        if len(request.body) > _MOST_BYTES:
            return _said(400, f"A signal has at most {_MOST_BYTES} bytes.")
        try:
            signal = _decoder.decode(request.body)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            return _said(400, f"Not a signal: {error}")
        if signal.Status not in ("SUCCESS", "FAILURE"):
            return _said(400, "Status must be SUCCESS or FAILURE.")
        if len(handle.signals) >= _MOST_SIGNALS:
            return _said(400, f"A wait condition handle takes at most {_MOST_SIGNALS} signals.")
        if signal.UniqueId not in handle.signals:
            received = {signal.UniqueId: (signal.Status, signal.Reason, signal.Data)}
            async with self._cloud.store.transaction():
                table.put(scope, handle.replace(signals=handle.signals | received))
            wake_waiting(self._cloud, scope, handle.stack_id, WAITS)
        return Response(200, [], b"")


def _said(status: int, text: str) -> Response:
    return Response(status, [(b"Content-Type", b"text/plain")], text.encode() + b"\n")
