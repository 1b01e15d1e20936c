"""Responses that the load balancer writes itself, as AWS's do: status lines, error pages, fixed responses."""

import time
from http import HTTPStatus
from typing import Final

_PHRASES: Final[dict[int, bytes]] = {status.value: status.phrase.encode() for status in HTTPStatus} | {
    302: b"Found",
    413: b"Request Entity Too Large",
    414: b"Request-URI Too Large",
    460: b"",
    463: b"",
    464: b"",
    503: b"Service Temporarily Unavailable",
    504: b"Gateway Time-out",
    505: b"HTTP Version Not Supported",
    561: b"",
}

SERVER: Final = b"awselb/2.0"


def phrase(status: int) -> bytes:
    """The reason phrase of a status; empty when it has none."""
    return _PHRASES.get(status, b"")


def error_page(status: int) -> bytes:
    """The HTML page that AWS's load balancers send with an error."""
    title = b"%d %b" % (status, phrase(status)) if phrase(status) else b"%d" % status
    return (
        b"<html>\r\n<head><title>"
        + title
        + b"</title></head>\r\n<body>\r\n<center><h1>"
        + title
        + b"</h1></center>\r\n"
        b"</body>\r\n</html>\r\n"
    )


_WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_last_date: tuple[int, bytes] = (-1, b"")


def http_date(now: float) -> bytes:
    """Seconds since the epoch → an IMF-fixdate (RFC 9110 section 5.6.7). The last one is kept."""
    global _last_date
    second = int(now)
    if _last_date[0] != second:
        t = time.gmtime(second)
        text = (
            f"{_WEEKDAYS[t.tm_wday]}, {t.tm_mday:02d} {_MONTHS[t.tm_mon - 1]} {t.tm_year:04d} "
            f"{t.tm_hour:02d}:{t.tm_min:02d}:{t.tm_sec:02d} GMT"
        )
        _last_date = (second, text.encode())
    return _last_date[1]


def balancer_headers(
    now: float, fields: list[tuple[bytes, bytes]], body_size: int, *, server: bool = True
) -> list[tuple[bytes, bytes]]:
    """The fields of an answer that the load balancer generates, in AWS's order."""
    own: list[tuple[bytes, bytes]] = [(b"Server", SERVER)] if server else []
    return [*own, (b"Date", http_date(now)), *fields, (b"Content-Length", b"%d" % body_size)]


def render_h1(status: int, fields: list[tuple[bytes, bytes]], body: bytes, *, keep_alive: bool, head: bool) -> bytes:
    """An HTTP/1.1 response in one piece; `head` leaves the body out."""
    lines = [b"%b: %b\r\n" % field for field in fields]
    connection = b"Connection: keep-alive\r\n\r\n" if keep_alive else b"Connection: close\r\n\r\n"
    return b"HTTP/1.1 %d %b\r\n%b%b%b" % (status, phrase(status), b"".join(lines), connection, b"" if head else body)
