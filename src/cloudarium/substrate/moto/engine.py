"""moto's backends, reached in two ways: a request as it came over the wire, or a call with boto3's parameters.

Both end in the same handlers of moto and the same state. The handlers are found by the address the request would have
had on AWS, through moto's own index; moto's web server is not involved.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from cloudarium.substrate.moto import addresses, buckets, formerly, longpoll
from cloudarium.substrate.moto.results import plain

log = logging.getLogger(__name__)

_HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "expect",
        "content-length",
        "x-moto-account-id",
    }
)
_NOT_PASSED = frozenset({"status", "connection", "transfer-encoding", "date"})
_MAX_HOSTS = 2_000
_OUTSIDE_SECONDS = (3.0, 10.0)
"""How long moto may wait to connect and to read when it calls out (SNS to an HTTP endpoint, for one)."""

Headers = list[tuple[str, str]]


class Answer(NamedTuple):
    """An answer on the wire."""

    status: int
    headers: Headers
    body: bytes


class Refused(Exception):
    """An error that is ours rather than moto's: code, message and HTTP status as ``AwsError`` has them."""

    def __init__(self, code: str, message: str, status: int) -> None:
        super().__init__(code, message, status)


class Engine:
    """moto, started. One call at a time; ``outside`` is entered around moto's own calls to the world."""

    def __init__(self, outside: Callable[[], contextlib.AbstractContextManager[None]]) -> None:
        """Import moto, which takes most of a second."""
        import botocore.config
        import botocore.session
        import moto
        import moto.core.models as moto_models

        self.version: str = moto.__version__
        self._stubber: Any = moto_models.botocore_stubber
        self._session = botocore.session.Session()
        self._session.set_credentials("AKIAMOTO", "moto")
        self._config = botocore.config.Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"})
        self._clients: dict[tuple[str, str], Any] = {}
        self._routes: dict[str, list[tuple[re.Pattern[str], Callable[..., Any]]]] = {}
        self._local = threading.local()
        self.offline = False
        """While true, calls to the world fail at once: a call made again must not have its effects again."""
        moto.mock_aws().start()
        self._guard_outside(moto_models.responses_mock, outside)

    # -- from the wire ---------------------------------------------------------------------------------------------

    def http(
        self, service: str, method: str, target: str, headers: Headers, body: bytes, account: str, region: str
    ) -> Answer:
        """Answer a request; ``service`` is botocore's name."""
        host = next((value for name, value in headers if name.lower() == "host"), "")
        url = self._url(service, host, target, account, region)
        seen_url = url
        passed = {name: value for name, value in headers if name.lower() not in _HOP_BY_HOP}
        passed = {name: value for name, value in passed.items() if name.lower() != "host"}
        if service == "sqs" and host and not addresses.is_aws(host):
            # A queue's URL must lead here; moto makes it of the address under which it was asked.
            seen_url = f"http://{host}{target}"
            if not any(name.lower() == "authorization" for name in passed):
                scope = f"{account}/20000101/{region}/sqs/aws4_request"
                passed["Authorization"] = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
        if service == "s3":
            _settle_chunks(passed, body)
        passed["Host"] = urlsplit(seen_url).netloc
        passed["x-moto-account-id"] = account
        return self._answer(service, method, url, seen_url, passed, body)

    def _url(self, service: str, host: str, target: str, account: str, region: str) -> str:
        if service == "s3":
            return addresses.s3_url(host, region, target)
        if service == "s3control":
            return f"https://{account}.s3-control.{region}.amazonaws.com{target}"
        if addresses.is_aws(host):
            return f"https://{host.partition(':')[0]}{target}"
        endpoint: str = self._client(service, region).meta.endpoint_url
        return endpoint.rstrip("/") + target

    def _answer(self, service: str, method: str, url: str, seen_url: str, headers: dict[str, str], body: Any) -> Answer:
        from botocore.exceptions import ClientError
        from moto.core.request import Request
        from werkzeug.exceptions import HTTPException

        handler = self._handler(url)
        if handler is None:
            raise Refused("NotImplemented", f"{service} {method} {urlsplit(url).path} is not in moto.", 501)
        request = Request.from_primitives(method, seen_url, headers, body)
        if service == "sqs":
            longpoll.install()
        elif service == "s3":
            buckets.install()
        elif service == "cloudformation":
            formerly.read_templates_safely()
        try:
            status, answered, content = handler(request, request.raw_url, request.headers)
        except HTTPException as error:
            status, answered, content = error.code or 500, dict(error.get_headers()), error.get_body()
        except ClientError as error:
            status, answered, content = 400, {}, error.response["Error"]["Message"]
        except NotImplementedError as error:
            raise Refused("NotImplemented", f"{service}: moto says: {error}", 501) from error
        # The length of what a HEAD does not get is told by moto alone.
        dropped = _NOT_PASSED if method == "HEAD" else _NOT_PASSED | {"content-length"}
        return Answer(int(status), _clean(answered, dropped), _bytes(content))

    def _handler(self, url: str) -> Callable[..., Any] | None:
        parts = urlsplit(url)
        routes = self._routes.get(parts.netloc)
        if routes is None:
            if len(self._routes) > _MAX_HOSTS:
                self._routes.clear()
            routes = self._routes[parts.netloc] = list(_routes_of(parts.netloc))
        address = f"https://{parts.netloc}{parts.path or '/'}"
        return next((handler for pattern, handler in routes if pattern.match(address)), None)

    # -- by parameters ---------------------------------------------------------------------------------------------

    def call(self, service: str, operation: str, account: str, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """Call an operation by its snake-case name with boto3's parameters; the result without ResponseMetadata."""
        from botocore.exceptions import BotoCoreError, ClientError

        client = self._client(service, region)
        name = client.meta.method_to_api_mapping.get(operation)
        if name is None:
            raise Refused("InvalidAction", f"{service} has no operation {operation}.", 400)
        self._local.account, self._local.service = account, service
        try:
            result: dict[str, Any] = plain(getattr(client, operation)(**params))
            return result
        except ClientError as error:
            said = error.response.get("Error", {})
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
            raise Refused(said.get("Code", "InternalFailure"), said.get("Message", str(error)), status) from error
        except BotoCoreError as error:
            raise Refused("ValidationException", str(error), 400) from error

    def _client(self, service: str, region: str) -> Any:
        client = self._clients.get((service, region))
        if client is None:
            from botocore.exceptions import BotoCoreError

            try:
                client = self._session.create_client(service, region_name=region, config=self._config)
            except (BotoCoreError, ValueError) as error:
                raise Refused("NotImplemented", f"{service} in {region}: {error}", 501) from error
            # botocore asks every handler, also after one has answered: moto's own would do each call once more.
            client.meta.events.unregister("before-send", self._stubber)
            client.meta.events.register_first("before-send", self._before_send)
            self._clients[(service, region)] = client
        return client

    def _before_send(self, request: Any, **_: Any) -> Any:
        from botocore.awsrequest import AWSResponse
        from botocore.compat import HTTPHeaders
        from moto.core.botocore_stubber import MockRawResponse

        headers = {
            name: value.decode() if isinstance(value, bytes) else str(value) for name, value in request.headers.items()
        }
        headers["x-moto-account-id"] = self._local.account
        answer = self._answer(
            self._local.service, request.method, request.url, request.url, headers, request.body
        )  # fmt: skip
        answered = HTTPHeaders.from_pairs(answer.headers)
        return AWSResponse(request.url, answer.status, answered, MockRawResponse(answer.body))

    # -- who has a key ---------------------------------------------------------------------------------------------

    @staticmethod
    def key_owner(access_key: str) -> dict[str, str] | None:
        """The IAM user an access key belongs to: account, Arn, UserId, UserName; None when there is none."""
        from moto.iam.models import iam_backends

        for account, backends in list(iam_backends.items()):
            for backend in list(backends.values()):
                for user in list(backend.users.values()):
                    if any(key.access_key_id == access_key and key.status == "Active" for key in user.access_keys):
                        return {"account": account, "Arn": user.arn, "UserId": user.id, "UserName": user.name}
        return None

    # -- the world -------------------------------------------------------------------------------------------------

    def _guard_outside(self, mock: Any, outside: Callable[[], contextlib.AbstractContextManager[None]]) -> None:
        send = mock._real_send

        def guarded(adapter: Any, request: Any, **kwargs: Any) -> Any:
            if self.offline:
                import requests

                raise requests.ConnectionError("not sent again while the journal is replayed")
            kwargs["timeout"] = kwargs.get("timeout") or _OUTSIDE_SECONDS
            with outside():
                return send(adapter, request, **kwargs)

        mock._real_send = guarded


def _settle_chunks(headers: dict[str, str], body: bytes) -> None:
    """Where the chunks of an aws-chunked body are gone already, take away the headers that promise them.

    Chunks always add to the length, so the length tells.
    """
    names = {name.lower(): name for name in headers}
    length = names.get("x-amz-decoded-content-length")
    if length is None or headers[length] != str(len(body)):
        return
    headers[names.get("x-amz-content-sha256", "x-amz-content-sha256")] = "UNSIGNED-PAYLOAD"
    del headers[length]
    if (encoding := names.get("content-encoding")) is not None:
        left = [each.strip() for each in headers[encoding].split(",") if each.strip() != "aws-chunked"]
        if left:
            headers[encoding] = ", ".join(left)
        else:
            del headers[encoding]


def _routes_of(host: str) -> Iterator[tuple[re.Pattern[str], Callable[..., Any]]]:
    from moto.backend_index import backend_url_patterns

    seen = set()
    for module, pattern in backend_url_patterns:
        if module in seen or not pattern.match(f"https://{host}/"):
            continue
        seen.add(module)
        urls = importlib.import_module(f"moto.{module}.urls")
        for base in urls.url_bases:
            for path, handler in urls.url_paths.items():
                yield re.compile(path.format(base)), handler


def _clean(headers: Any, dropped: frozenset[str]) -> Headers:
    """Headers as texts. moto keeps the status among them; framing and date are for whoever writes the answer."""
    cleaned = []
    for name, value in headers.items():
        if name.lower() in dropped:
            continue
        for each in value if isinstance(value, (list, tuple)) else (value,):
            text = str(each)
            if "\r" not in text and "\n" not in text:
                cleaned.append((name, text))
    return cleaned


def _bytes(content: Any) -> bytes:
    if content is None:
        return b""
    if isinstance(content, str):
        return content.encode()
    if isinstance(content, (bytes, bytearray)):
        return bytes(content)
    if hasattr(content, "read"):
        return _bytes(content.read())
    return b"".join(_bytes(part) for part in content)
