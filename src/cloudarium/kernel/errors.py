"""The one exception a service raises when AWS would answer with an error."""

from __future__ import annotations

from collections.abc import Mapping


class AwsError(Exception):
    """An error that a client sees exactly as AWS would send it.

    ``code`` and ``message`` are AWS's words, ``status`` is the HTTP status the service documents for the code, and
    ``members`` are further members of the modeled exception shape.
    """

    def __init__(
        self,
        code: str,
        message: str,
        status: int = 400,
        *,
        members: Mapping[str, object] | None = None,
        request_id: str = "",
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.members = dict(members or {})
        self.request_id = request_id

    @property
    def fault(self) -> str:
        """``Sender`` when the caller is at fault, else ``Receiver`` (the words of the query protocol)."""
        return "Sender" if self.status < 500 else "Receiver"


class NotThere(AwsError):
    """Something AWS has and this cloud does not have yet, refused by name rather than silently accepted."""

    def __init__(self, what: str) -> None:
        super().__init__("NotImplemented", f"{what} is not implemented in Cloudarium yet.", 501)
