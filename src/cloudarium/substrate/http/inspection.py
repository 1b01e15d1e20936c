"""What a request must pass that is not plainly in order, before it is routed.

Its class comes first, as the desync mitigation mode has it. Whatever the mode, a request is refused that cannot be
served: its end cannot be known (`request_framing`), there is no telling whom it is for, or it asks for what load
balancers do not do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudarium.substrate.http.desync import isolates, passes_as_received, refuses, worst
from cloudarium.substrate.http.faults import Fault
from cloudarium.substrate.http.request_framing import RequestFraming, request_framing

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
    mode, headers = settings.desync, prepared.source
    framing = request_framing(exchange.method, reader.minor, headers)
    # http-desync-guardian names the reason of the fields before that of the request line.
    tier, reason = worst((headers.tier, headers.reason), framing[1:3], (reader.tier, reader.reason))
    exchange.tier, exchange.classification_reason = tier, reason
    if refuses(mode, tier):
        raise Refused(Fault.DESYNC)
    if framing.fault is not None:
        raise Refused(framing.fault)
    _check_host(reader.minor, prepared)
    _check_target(exchange)
    if prepared.too_many_addresses:
        raise Refused(Fault.TOO_MANY_FORWARDED_ADDRESSES)
    # HTTP/0.9 knows no second request on a connection.
    isolate, as_received = isolates(mode, tier) or reader.minor < 0, passes_as_received(mode, tier)
    if isolate or as_received:
        exchange.closes_target = True
        framing = framing._replace(isolate=isolate, as_received=as_received)
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
