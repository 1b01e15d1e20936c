"""What a request must pass that is not plainly in order, before it is routed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudarium.substrate.http.desync import isolates, refuses
from cloudarium.substrate.http.faults import Fault, ProtocolError
from cloudarium.substrate.http.framing import RequestFraming, request_framing

if TYPE_CHECKING:
    from cloudarium.substrate.http.exchange import Exchange
    from cloudarium.substrate.http.forwarding import Prepared
    from cloudarium.substrate.http.request_reader import RequestReader
    from cloudarium.substrate.http.routing import ListenerSettings


class Refused(Exception):
    """The load balancer answers the request itself, with the fault's status."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.value)
        self.fault = fault


def inspect(
    exchange: Exchange, reader: RequestReader, prepared: Prepared, settings: ListenerSettings
) -> RequestFraming:
    """Classify the request (into the exchange) and tell how its body is framed.

    Raises:
        Refused: it must not be routed.
    """
    try:
        framing = request_framing(exchange.method, reader.minor, prepared.headers)
    except ProtocolError as error:
        raise Refused(error.fault) from None
    verdicts = ((reader.tier, reader.reason), (prepared.headers.tier, prepared.headers.reason), framing[1:3])
    exchange.tier, exchange.classification_reason = max(verdicts, key=lambda verdict: verdict[0])
    if refuses(settings.desync, exchange.tier):
        raise Refused(Fault.DESYNC)
    _check_host(reader.minor, prepared)
    _check_target(exchange)
    if prepared.too_many_addresses:
        raise Refused(Fault.TOO_MANY_FORWARDED_ADDRESSES)
    if isolates(settings.desync, exchange.tier):
        framing = framing._replace(isolate=True)
    return framing


def _check_host(minor: int, prepared: Prepared) -> None:
    hosts = prepared.headers.get_all(b"host")
    if len(hosts) > 1 or (minor == 1 and not hosts):
        raise Refused(Fault.BAD_REQUEST)


def _check_target(exchange: Exchange) -> None:
    if exchange.method == b"TRACE":
        raise Refused(Fault.METHOD_NOT_ALLOWED)
    target = exchange.target
    if target.startswith(b"/") or (target == b"*" and exchange.method == b"OPTIONS"):
        return
    scheme, separator, rest = target.partition(b"://")
    authority, slash, path = rest.partition(b"/")
    if not separator or scheme.lower() not in (b"http", b"https") or not authority or exchange.method == b"CONNECT":
        raise Refused(Fault.BAD_REQUEST)
    authority, question, query = authority.partition(b"?")
    if authority != exchange.host:
        raise Refused(Fault.BAD_REQUEST)
    exchange.target = (b"/" + path) if slash else b"/" + question + query
