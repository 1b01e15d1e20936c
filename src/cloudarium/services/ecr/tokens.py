"""What proves who is calling the registry: authorization tokens, and signed addresses of layers.

A token names a principal and is good for twelve hours, in every registry that the principal may use, as AWS's are
(https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry_auth.html). Its password is
``base64url(JSON)``, the JSON holding the claims and their HMAC-SHA256 under a key that is made once and kept.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from typing import Any

import msgspec

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.identity import Principal
from cloudarium.kernel.store import Scope
from cloudarium.services.ecr.resources import EVERYWHERE, Key

LIFETIME = 12 * 3600.0
"""Seconds that a token is good for."""
URL_LIFETIME = 3600.0
"""Seconds that a layer's address is good for."""
_LONGEST = 8192


class Claims(msgspec.Struct, frozen=True):
    """What a token says. ``anonymous`` ones are good for pulling public images only."""

    principal: Principal | None
    region: str
    expires: float


class _Signed(msgspec.Struct, frozen=True):
    payload: str
    signature: str
    version: str = "2"
    type: str = "DATA_KEY"


def secret(cloud: Cloud) -> bytes:
    """The signing key, made on first use."""
    table = cloud.store.table(Key)
    found = table.get(EVERYWHERE, "registry")
    if found is None:
        found = Key(id="registry", secret=os.urandom(32))
        table.put(EVERYWHERE, found)
    return found.secret


def issue(cloud: Cloud, principal: Principal | None, region: str) -> tuple[str, float]:
    """A password for the user ``AWS``, and when it expires."""
    # Whole seconds: the same instant is in the token and in the API's answer.
    expires = float(int(cloud.clock.now() + LIFETIME))
    claims = msgspec.json.encode(Claims(principal, region, expires))
    payload = base64.urlsafe_b64encode(claims).decode()
    signed = _Signed(payload, _mac(secret(cloud), "token", payload))
    return base64.urlsafe_b64encode(msgspec.json.encode(signed)).decode(), expires


def read(cloud: Cloud, password: str) -> Claims | None:
    """The claims of a password of ours that has not expired, else None."""
    if len(password) > _LONGEST:
        return None
    try:
        signed = msgspec.json.decode(base64.urlsafe_b64decode(password.encode()), type=_Signed)
        if not hmac.compare_digest(_mac(secret(cloud), "token", signed.payload), signed.signature):
            return None
        claims = msgspec.json.decode(base64.urlsafe_b64decode(signed.payload.encode()), type=Claims)
    except (ValueError, TypeError, binascii.Error, msgspec.MsgspecError):
        return None
    return claims if claims.expires > cloud.clock.now() else None


def sign_layer(cloud: Cloud, scope: Scope, repository: str, digest: str) -> dict[str, str]:
    """Query parameters with which anybody may download one layer of a repository for an hour."""
    expires = str(int(cloud.clock.now() + URL_LIFETIME))
    return {"expires": expires, "signature": _mac(secret(cloud), "layer", *scope, repository, digest, expires)}


def layer_is_signed(cloud: Cloud, scope: Scope, repository: str, digest: str, query: dict[str, str]) -> bool:
    """Whether a request's query parameters let it download the layer now."""
    expires, signature = query.get("expires", ""), query.get("signature", "")
    if not expires.isdecimal() or len(expires) > 12 or int(expires) < cloud.clock.now():
        return False
    wanted = _mac(secret(cloud), "layer", *scope, repository, digest, expires)
    return hmac.compare_digest(wanted.encode(), signature.encode())


def _mac(key: bytes, *parts: Any) -> str:
    return hmac.new(key, "\0".join(parts).encode(), hashlib.sha256).hexdigest()
