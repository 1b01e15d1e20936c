"""Who calls the registry, and how one that does not say so is asked.

Private registries ask for Basic credentials, as ECR does; ECR Public for a Bearer token, which anybody gets. On
``localhost``, where the name does not say yet which of the two is meant, it is Bearer too: clients with credentials
exchange them for a token, those without get one that is good for pulling public images.
"""

from __future__ import annotations

import base64
import binascii

from cloudarium.kernel.cloud import Cloud
from cloudarium.services.ecr import tokens
from cloudarium.services.ecr.names import PUBLIC_HOST, Place
from cloudarium.services.ecr.registry.answers import document, refusal
from cloudarium.services.ecr.tokens import Claims
from cloudarium.substrate.http.messages import Request, Response


def claims_of(cloud: Cloud, authorization: str) -> Claims | None:
    """What an Authorization header proves; None when nothing."""
    scheme, _, value = authorization.partition(" ")
    value = value.strip()
    if scheme.lower() == "bearer":
        return tokens.read(cloud, value)
    if scheme.lower() != "basic":
        return None
    try:
        user, _, password = base64.b64decode(value).decode().partition(":")
    except (ValueError, binascii.Error):
        return None
    return tokens.read(cloud, password) if user == "AWS" else None


def is_empty(authorization: str) -> bool:
    """Whether there are no credentials: no header, or Basic ones without name and password."""
    return authorization in ("", "Basic Og==")


def token(cloud: Cloud, request: Request) -> Response:
    """The token endpoint: credentials in, a Bearer token out; without any, an anonymous one."""
    authorization = (request.get(b"authorization") or b"").decode("latin-1")
    found = claims_of(cloud, authorization)
    if found is None and not is_empty(authorization):
        return refusal(401, "UNAUTHORIZED", "Your authorization token is invalid or has expired. Reauthenticate.")
    if found is None:
        text, expires = tokens.issue(cloud, None, "")
    else:
        text, expires = tokens.issue(cloud, found.principal, found.region)
        expires = min(expires, found.expires)
    now = cloud.clock.utcnow().strftime("%Y-%m-%dT%H:%M:%SZ")
    left = max(60, int(expires - cloud.clock.now()))
    return document(200, {"token": text, "access_token": text, "expires_in": left, "issued_at": now})


def challenge(request: Request, by_host: Place | None, message: str = "Not Authorized") -> Response:
    """401, saying how to do better."""
    scheme = "https" if request.secure else "http"
    host = (request.get(b"host") or b"localhost").decode("latin-1")
    if by_host is not None and by_host.public:
        wanted = f'Bearer realm="{scheme}://{host}/token/",service="{PUBLIC_HOST}",scope="aws"'
    elif by_host is not None:
        wanted = f'Basic realm="{scheme}://{host}/",service="ecr.amazonaws.com"'
    else:
        wanted = f'Bearer realm="{scheme}://{host}/v2/token",service="ecr.amazonaws.com"'
    return refusal(401, "UNAUTHORIZED", message, [("WWW-Authenticate", wanted)])
