"""Who signed a request, and whether the signature is right.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html and, for presigned URLs,
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
"""

from __future__ import annotations

import base64
import datetime as dt
import functools
import hashlib
import hmac
import re
from urllib.parse import quote

import msgspec

from cloudarium.gateway.wire.chunked import is_chunked
from cloudarium.gateway.wire.message import WireRequest, form_of, unquote
from cloudarium.kernel.errors import AwsError

ALGORITHM = "AWS4-HMAC-SHA256"
ASYMMETRIC = "AWS4-ECDSA-P256-SHA256"
MAX_SKEW = dt.timedelta(minutes=15)
MAX_PRESIGNED_SECONDS = 604_800
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
MISMATCH = (
    "The request signature we calculated does not match the signature you provided. "
    "Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
)
_HEADER = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^,\s]{1,512}), ?SignedHeaders=([^,\s]{1,4096}), ?Signature=([^,\s]{1,512})"
)
_ACCOUNT = re.compile(r"\d{12}", re.ASCII)
_DATE = re.compile(r"\d{8}", re.ASCII)
_TIME = re.compile(r"\d{8}T\d{6}Z", re.ASCII)


class Credential(msgspec.Struct, frozen=True):
    """What a signed request says of its signer. ``date`` is YYYYMMDD; version 2 signatures leave the scope empty."""

    access_key: str
    date: str = ""
    region: str = ""
    service: str = ""
    signed_headers: tuple[str, ...] = ()
    signature: str = ""
    session_token: str | None = None
    presigned: bool = False
    version: int = 4

    @property
    def scope(self) -> str:
        """The credential scope that is part of what is signed."""
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


def account_of(access_key: str, default: str = "000000000000") -> str:
    """The account of an access key: a key id of twelve digits is the account itself, any other has the default.

    Keys that the cloud issued (AKIA…, ASIA…) are looked up where they were issued, before this is asked.
    """
    return access_key if _ACCOUNT.fullmatch(access_key) else default


def parse_authorization(request: WireRequest) -> Credential | None:
    """The credential of a request, or None when it is not signed; raises ``AwsError`` IncompleteSignature."""
    headers = request.headers
    header = headers.get("authorization")
    if header is not None:
        usual = _HEADER.fullmatch(header)
        if usual is not None and ("x-amz-date" in headers or "date" in headers):
            text, signed, signature = usual.groups()
            access_key, date, region, service = _scope(text, ALGORITHM)
            token = headers.get("x-amz-security-token")
            return Credential(access_key, date, region, service, _signed(signed), signature, token)
        algorithm, _, rest = header.strip().partition(" ")
        if algorithm in (ALGORITHM, ASYMMETRIC):
            return _from_header(request, header, rest, algorithm)
        if algorithm == "AWS":
            return _version_2_header(rest, request)
        if algorithm.startswith("AWS"):
            raise _incomplete(f"Unsupported AWS 'algorithm': '{algorithm[:64]}'.")
        if algorithm.lower() not in ("bearer", "basic"):
            raise _incomplete(f"Unsupported AWS 'algorithm': '{algorithm[:64]}'.")
    if "X-Amz-Credential=" in request.query or "X-Amz-Algorithm=" in request.query:
        return _presigned(query_parameters(request.query))
    if "AWSAccessKeyId=" in request.query or b"AWSAccessKeyId=" in request.body[:65536]:
        return _version_2(request)
    return None


def _incomplete(message: str) -> AwsError:
    return AwsError("IncompleteSignature", message, 403)


def _from_header(request: WireRequest, header: str, rest: str, algorithm: str) -> Credential:
    fields: dict[str, str] = {}
    for part in rest.split(","):
        name, separator, value = part.strip().partition("=")
        if not separator:
            hashed = base64.b64encode(hashlib.sha256(header.encode(errors="replace")).digest()).decode("ascii")
            raise _incomplete(
                f"'{name[:128]}' not a valid key=value pair (missing equal-sign) in Authorization header "
                f"(hashed with SHA-256 and encoded with Base64): '{hashed}'."
            )
        fields[name] = value
    missing = [
        f"Authorization header requires '{name}' parameter."
        for name in ("Credential", "Signature", "SignedHeaders")
        if not fields.get(name)
    ]
    if "x-amz-date" not in request.headers and "date" not in request.headers:
        missing.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    if missing:
        hashed = base64.b64encode(hashlib.sha256(header.encode(errors="replace")).digest()).decode("ascii")
        missing.append(f"(Hashed with SHA-256 and encoded with Base64) Authorization={hashed}")
        raise _incomplete(" ".join(missing))
    return _credential(
        fields["Credential"],
        algorithm,
        fields["SignedHeaders"],
        fields["Signature"],
        request.headers.get("x-amz-security-token"),
        presigned=False,
    )


def _credential(
    text: str, algorithm: str, signed_headers: str, signature: str, session_token: str | None, *, presigned: bool
) -> Credential:
    access_key, date, region, service = _scope(text, algorithm)
    return Credential(access_key, date, region, service, _signed(signed_headers), signature, session_token, presigned)


def _signed(text: str) -> tuple[str, ...]:
    return tuple(text.lower().split(";"))


@functools.lru_cache(maxsize=1024)
def _scope(text: str, algorithm: str) -> tuple[str, str, str, str]:
    """Access key, date, region and service of a Credential; an asymmetric one is good for every region."""
    parts = text.split("/")
    asymmetric = algorithm == ASYMMETRIC
    wanted = 4 if asymmetric else 5
    if len(parts) < wanted:
        form = "keyid/date/service/term" if asymmetric else "keyid/date/region/service/term"
        raise _incomplete(
            f"Credential must have exactly {wanted} slash-delimited elements, e.g. {form}, got '{text[:256]}'"
        )
    access_key = "/".join(parts[: 1 - wanted])
    scope = parts[1 - wanted :]
    if asymmetric:
        scope.insert(1, "*")
    date, region, service, term = scope
    if not access_key:
        raise _incomplete(f"Credential must not have empty elements, got '{text[:256]}'")
    if not _DATE.fullmatch(date):
        raise _incomplete(f"Date in Credential scope is not of the form YYYYMMDD, got '{date[:64]}'")
    if term != "aws4_request":
        raise _incomplete(f"Credential should be scoped with a valid terminator: 'aws4_request', not '{term[:64]}'.")
    return access_key, date, region, service.lower()


def query_parameters(query: str) -> dict[str, str]:
    """The names and values of a raw query string, decoded; the first of repeated names wins."""
    result: dict[str, str] = {}
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        result.setdefault(unquote(name), unquote(value))
    return result


def _presigned(query: dict[str, str]) -> Credential:
    algorithm = query.get("X-Amz-Algorithm", "")
    if algorithm not in (ALGORITHM, ASYMMETRIC):
        raise _incomplete(f"Unsupported AWS 'algorithm': '{algorithm[:64]}'.")
    missing = [
        f"AWS query-string parameters must include '{name}'."
        for name in ("X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date")
        if not query.get(name)
    ]
    if missing:
        raise _incomplete(" ".join(missing) + " Re-examine the query-string parameters.")
    return _credential(
        query["X-Amz-Credential"],
        algorithm,
        query["X-Amz-SignedHeaders"],
        query["X-Amz-Signature"],
        query.get("X-Amz-Security-Token"),
        presigned=True,
    )


def _version_2_header(rest: str, request: WireRequest) -> Credential:
    access_key, separator, signature = rest.strip().partition(":")
    if not separator or not access_key:
        raise _incomplete("Authorization header is invalid -- one and only one ':' (colon) required")
    token = request.headers.get("x-amz-security-token")
    return Credential(access_key, signature=signature, session_token=token, version=2)


def _version_2(request: WireRequest) -> Credential | None:
    form = form_of(request)
    access_key = form.get("AWSAccessKeyId", "")
    if not access_key:
        return None
    token = form.get("SecurityToken") or form.get("x-amz-security-token")
    return Credential(access_key, signature=form.get("Signature", ""), session_token=token, presigned=True, version=2)


def verify(request: WireRequest, credential: Credential, secret_key: str, now: dt.datetime) -> None:
    """Check a version 4 signature, its date and its expiry; ``now`` is aware.

    Raises ``AwsError`` SignatureDoesNotMatch, AccessDenied (an expired URL) or NotImplemented (version 2 and
    asymmetric signatures). For a body in signed chunks, ``chunk_signer`` checks the rest.
    """
    if credential.version != 4 or credential.region == "*":
        kind = "version 2" if credential.version != 4 else ASYMMETRIC
        raise AwsError("NotImplemented", f"Signatures of {kind} cannot be verified yet; sign with {ALGORITHM}.", 501)
    timestamp = _timestamp(request, credential)
    _check_time(request, credential, timestamp, now)
    if "host" not in credential.signed_headers:
        raise AwsError(
            "SignatureDoesNotMatch", "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.", 403
        )
    expected = signature_of(request, credential, secret_key, timestamp)
    if not hmac.compare_digest(expected.encode(), credential.signature.encode(errors="replace")):
        raise AwsError("SignatureDoesNotMatch", MISMATCH, 403)
    declared = request.headers.get("x-amz-content-sha256", "")
    if len(declared) == 64 and not credential.presigned and hashlib.sha256(request.body).hexdigest() != declared:
        message = "The provided 'x-amz-content-sha256' header does not match what was computed."
        raise AwsError("XAmzContentSHA256Mismatch", message, 400)


def _timestamp(request: WireRequest, credential: Credential) -> str:
    if credential.presigned:
        return query_parameters(request.query).get("X-Amz-Date", "")
    given = request.headers.get("x-amz-date")
    if given is None:
        try:
            parsed = dt.datetime.strptime(request.headers.get("date", ""), "%a, %d %b %Y %H:%M:%S %Z")
            given = parsed.strftime("%Y%m%dT%H%M%SZ")
        except ValueError:
            given = request.headers.get("date", "")
    return given


def _check_time(request: WireRequest, credential: Credential, timestamp: str, now: dt.datetime) -> None:
    moment = _moment(timestamp)
    if timestamp[:8] != credential.date:
        raise AwsError(
            "SignatureDoesNotMatch",
            f"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{credential.date}' != '{timestamp[:8]}', from '{timestamp}'.",
            403,
        )
    if moment - now > MAX_SKEW:
        limit = now + MAX_SKEW
        message = (
            f"Signature not yet current: {timestamp} is still later than {_stamp(limit)} ({_stamp(now)} + 15 min.)"
        )
        raise AwsError("SignatureDoesNotMatch", message, 403)
    if credential.presigned:
        text = query_parameters(request.query).get("X-Amz-Expires", "")
        if not (text.isascii() and text.isdigit() and len(text) < 8 and int(text) <= MAX_PRESIGNED_SECONDS):
            message = "X-Amz-Expires must be a number of seconds of at most a week (604800)."
            raise AwsError("AuthorizationQueryParametersError", message, 400)
        if now > moment + dt.timedelta(seconds=int(text)):
            raise AwsError("AccessDenied", "Request has expired", 403)
    elif now - moment > MAX_SKEW:
        limit = now - MAX_SKEW
        message = f"Signature expired: {timestamp} is now earlier than {_stamp(limit)} ({_stamp(now)} - 15 min.)"
        raise AwsError("SignatureDoesNotMatch", message, 403)


def _moment(timestamp: str) -> dt.datetime:
    if _TIME.fullmatch(timestamp):
        try:
            return dt.datetime.strptime(timestamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.UTC)
        except ValueError:
            pass
    message = (
        f"Date must be in ISO-8601 'basic format'. Got '{timestamp[:64]}'. See http://en.wikipedia.org/wiki/ISO_8601"
    )
    raise AwsError("IncompleteSignature", message, 403)


def _stamp(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).strftime("%Y%m%dT%H%M%SZ")


def signature_of(request: WireRequest, credential: Credential, secret_key: str, timestamp: str) -> str:
    """The signature a request should have, in hex."""
    canonical = canonical_request(request, credential)
    to_sign = "\n".join(
        (ALGORITHM, timestamp, credential.scope, hashlib.sha256(canonical.encode(errors="replace")).hexdigest())
    )
    return _hex(signing_key(secret_key, credential), to_sign)


def signing_key(secret_key: str, credential: Credential) -> bytes:
    """The key derived for one day, region and service."""
    key = f"AWS4{secret_key}".encode()
    for part in (credential.date, credential.region, credential.service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def _hex(key: bytes, text: str) -> str:
    return hmac.digest(key, text.encode(errors="replace"), "sha256").hex()


def canonical_request(request: WireRequest, credential: Credential) -> str:
    """Method, path, query, signed headers and the hash of the body, in the one spelling both sides sign."""
    headers = "".join(
        f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in credential.signed_headers
    )
    return "\n".join(
        (
            request.method,
            _canonical_path(request.path, credential.service),
            _canonical_query(request.query),
            headers,
            ";".join(credential.signed_headers),
            _payload_hash(request, credential),
        )
    )


def _canonical_path(path: str, service: str) -> str:
    if service.startswith("s3"):
        return "/".join(_encode(unquote(segment), "") for segment in path.split("/")) or "/"
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            if segments:
                segments.pop()
        elif segment and segment != ".":
            segments.append(segment)
    normal = "/" + "/".join(segments) + ("/" if segments and path.endswith("/") else "")
    return _encode(normal, "/")


def _canonical_query(query: str) -> str:
    pairs = []
    for pair in query.split("&") if query else ():
        name, _, value = pair.partition("=")
        name = unquote(name)
        if name != "X-Amz-Signature":
            pairs.append((_encode(name, ""), _encode(unquote(value), "")))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _encode(text: str, safe: str) -> str:
    return quote(text.encode(errors="replace"), safe=safe + "-_.~")


def _payload_hash(request: WireRequest, credential: Credential) -> str:
    declared = request.headers.get("x-amz-content-sha256")
    if declared:
        return declared
    if credential.presigned and credential.service.startswith("s3"):
        return "UNSIGNED-PAYLOAD"
    return hashlib.sha256(request.body).hexdigest() if request.body else EMPTY_SHA256


class SignedChunks:
    """The chain of signatures of an aws-chunked body, beginning with the request's own."""

    def __init__(self, credential: Credential, secret_key: str, timestamp: str) -> None:
        self._key = signing_key(secret_key, credential)
        self._previous = credential.signature
        self._timestamp = timestamp
        self._scope = credential.scope

    def chunk(self, data: bytes) -> str:
        """The signature of the next chunk."""
        return self._next("AWS4-HMAC-SHA256-PAYLOAD", EMPTY_SHA256, hashlib.sha256(data).hexdigest())

    def trailer(self, canonical: bytes) -> str:
        """The signature of the trailing headers."""
        return self._next("AWS4-HMAC-SHA256-TRAILER", hashlib.sha256(canonical).hexdigest())

    def _next(self, kind: str, *hashes: str) -> str:
        text = "\n".join((kind, self._timestamp, self._scope, self._previous, *hashes))
        self._previous = _hex(self._key, text)
        return self._previous


def chunk_signer(request: WireRequest, credential: Credential, secret_key: str) -> SignedChunks | None:
    """What ``wire.chunked.plain_body`` checks chunks with, for a request whose body is in signed chunks."""
    if not is_chunked(request) or "UNSIGNED" in request.headers["x-amz-content-sha256"]:
        return None
    return SignedChunks(credential, secret_key, _timestamp(request, credential))
