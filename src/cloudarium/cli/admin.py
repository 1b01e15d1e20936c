"""Talking to a running cloud: ``/_cloudarium/…`` on its one port."""

from __future__ import annotations

import json
from typing import Any

from cloudarium.cli.failure import Failure, not_running


def call(
    port: int, method: str, path: str, body: dict[str, Any] | None = None, timeout: float = 60.0
) -> dict[str, Any]:
    """One request to ``/_cloudarium/<path>``; the parsed answer.

    ``timeout`` is in host seconds. Raises Failure with the cloud's own words, or saying that there is no cloud.
    """
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    headers = {"Content-Type": "application/json"} if body is not None else {}
    data = json.dumps(body).encode() if body is not None else None
    try:
        connection.request(method, f"/_cloudarium/{path}", data, headers)
        response = connection.getresponse()
        text = response.read()
    except ConnectionRefusedError:
        raise not_running(port) from None
    except TimeoutError:
        raise Failure(
            f"the cloud on port {port} did not answer within {timeout:.0f} s", "look at its log: cloudarium status"
        ) from None
    except (OSError, http.client.HTTPException) as error:
        raise Failure(f"the cloud on port {port} broke off: {error}", "look at its log: cloudarium status") from None
    finally:
        connection.close()
    answer = _parse(text)
    if answer is None:
        raise Failure(
            f"what answers on port {port} is not Cloudarium", "say which port the cloud is on: --port N, or start one"
        )
    if response.status >= 400:
        raise Failure(str(answer.get("error") or f"status {response.status}"), str(answer.get("hint") or ""))
    return answer


def _parse(text: bytes) -> dict[str, Any] | None:
    try:
        answer = json.loads(text)
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None
