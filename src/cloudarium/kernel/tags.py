"""The one rule about tags that all services share: keys that begin with ``aws:`` are AWS's own."""

from __future__ import annotations

from cloudarium.kernel.identity import Principal


def is_reserved(key: str, principal: Principal) -> bool:
    """Whether this principal may not set or remove a tag of this key: only AWS's services may, for ``aws:…``.

    https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
    """
    return key[:4].lower() == "aws:" and principal.kind != "AWSService"
