"""Why a message was refused, and why an exchange failed: the engine's vocabulary of trouble."""

from enum import StrEnum

from cloudarium.substrate.http.desync import COMPLIANT, Verdict


class Fault(StrEnum):
    """What ended an exchange other than well; the value is a short English text for logs."""

    BAD_REQUEST = "the request is malformed"
    REQUEST_LINE_TOO_LARGE = "the request line is too large"
    HEADER_TOO_LARGE = "the request header is too large"
    DESYNC = "refused by the desync mitigation mode"
    METHOD_NOT_ALLOWED = "the method is not allowed"
    VERSION_NOT_SUPPORTED = "the HTTP version is not supported"
    TRANSFER_ENCODING_NOT_SUPPORTED = "the transfer coding is not supported"
    TOO_MANY_FORWARDED_ADDRESSES = "X-Forwarded-For holds more than 30 addresses"
    PROTOCOL_MISMATCH = "the request's protocol does not fit the target group's"
    REQUEST_TIMEOUT = "the client did not send the request in time"
    BAD_REQUEST_BODY = "the request body is malformed"
    REQUEST_BODY_INCOMPLETE = "the client closed the connection before the request body was complete"
    CLIENT_CLOSED = "the client closed the connection"
    CONNECT_REFUSED = "the target refused the connection"
    CONNECT_UNREACHABLE = "the target cannot be reached"
    CONNECT_TIMEOUT = "connecting to the target took too long"
    TARGET_RESET = "the target reset the connection while a request was outstanding"
    TARGET_CLOSED = "the target closed the connection while a request was outstanding"
    TARGET_TIMEOUT = "the target did not answer before the idle timeout"
    RESPONSE_MALFORMED = "the target's response is malformed"
    RESPONSE_HEADER_TOO_LARGE = "the target's response header is too large"
    RESPONSE_BODY_INCOMPLETE = "the target closed the connection before the response body was complete"
    RESPONSE_BODY_TIMEOUT = "the target stopped sending the response body"
    RESPONSE_BODY_MALFORMED = "the target's chunked body is malformed"
    TUNNEL_IDLE = "the tunnel was idle"
    SHUT_DOWN = "the load balancer closed the connection"
    INTERNAL = "the load balancer failed"


STATUS_OF_FAULT: dict[Fault, int] = {
    Fault.BAD_REQUEST: 400,
    Fault.REQUEST_LINE_TOO_LARGE: 414,
    Fault.HEADER_TOO_LARGE: 400,
    Fault.DESYNC: 400,
    Fault.METHOD_NOT_ALLOWED: 405,
    Fault.VERSION_NOT_SUPPORTED: 505,
    Fault.TRANSFER_ENCODING_NOT_SUPPORTED: 501,
    Fault.TOO_MANY_FORWARDED_ADDRESSES: 463,
    Fault.PROTOCOL_MISMATCH: 464,
    Fault.REQUEST_TIMEOUT: 408,
    Fault.BAD_REQUEST_BODY: 400,
    Fault.REQUEST_BODY_INCOMPLETE: 400,
    Fault.CLIENT_CLOSED: 460,
    Fault.CONNECT_REFUSED: 502,
    Fault.CONNECT_UNREACHABLE: 502,
    Fault.CONNECT_TIMEOUT: 504,
    Fault.TARGET_RESET: 502,
    Fault.TARGET_CLOSED: 502,
    Fault.TARGET_TIMEOUT: 504,
    Fault.RESPONSE_MALFORMED: 502,
    Fault.RESPONSE_HEADER_TOO_LARGE: 502,
    Fault.RESPONSE_BODY_INCOMPLETE: 502,
    Fault.RESPONSE_BODY_TIMEOUT: 504,
    Fault.RESPONSE_BODY_MALFORMED: 502,
    Fault.TUNNEL_IDLE: 504,
    Fault.SHUT_DOWN: 503,
    Fault.INTERNAL: 500,
}
"""https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html"""


class ProtocolError(Exception):
    """What a peer sent is not HTTP as the engine takes it. The only exception parsers raise."""

    def __init__(
        self, status: int, reason: str, fault: Fault = Fault.BAD_REQUEST, verdict: Verdict = COMPLIANT
    ) -> None:
        super().__init__(reason)
        self.status = status
        """The status a server answers with."""
        self.reason = reason
        self.fault = fault
        self.verdict = verdict
        """How the request is classified, where it got that far."""
