"""The template that a request means: given, found in S3, or the one there was."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import AwsError
from cloudarium.services.cloudformation.engine.parsed import known_soon
from cloudarium.services.cloudformation.errors import invalid
from cloudarium.services.cloudformation.resources import StackTemplate
from cloudarium.services.cloudformation.template import Template, TemplateError

MOST_INLINE = 51_200
MOST_IN_S3 = 1_048_576
"""Bytes. https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""
_BUCKET_HOST = re.compile(
    r"(?P<bucket>[^/]{1,255}?)\.s3(?:[.-][a-z0-9.-]{0,100})?\.(?:amazonaws\.com|localhost[^/]{0,100})"
    r"|(?P<local>[^/]{1,255})\.localhost"
)


async def template_text(ctx: Context, request: Mapping[str, Any], previous: str = "") -> str:
    """The text of the request's template; ``previous`` is the stack's, for UsePreviousTemplate."""
    body, url = request.get("TemplateBody"), request.get("TemplateURL")
    if request.get("UsePreviousTemplate"):
        if body is not None or url is not None:
            raise invalid("UsePreviousTemplate cannot be specified together with TemplateBody or TemplateURL.")
        if not previous:
            raise invalid("UsePreviousTemplate cannot be specified: there is no previous template.")
        return previous
    if (body is None) == (url is None):
        raise invalid("Either Template URL or Template Body must be specified.")
    if body is not None:
        return checked_size(str(body))
    return await _from_s3(ctx, str(url))


def checked_size(body: str) -> str:
    """The text of an inline template, unless it is too long for one."""
    if not body:
        raise invalid("Template format error: unsupported structure.")
    if len(body.encode(errors="replace")) > MOST_INLINE:
        raise invalid(
            f"1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must have "
            f"length less than or equal to {MOST_INLINE}"
        )
    return body


async def _from_s3(ctx: Context, url: str) -> str:
    bucket, key = where_in_s3(url)
    if not bucket or not key:
        raise invalid("TemplateURL must be a supported URL.")
    try:
        answer = await ctx.aws.s3.get_object(Bucket=bucket, Key=key)
    except AwsError as error:
        raise invalid(f"S3 error: {error.message}") from None
    if int(answer.get("ContentLength") or 0) > MOST_IN_S3:
        raise invalid(f"Template may not exceed {MOST_IN_S3} bytes in size.")
    data = await _bytes(answer.get("Body", b""))
    if len(data) > MOST_IN_S3:
        raise invalid(f"Template may not exceed {MOST_IN_S3} bytes in size.")
    return data.decode("utf-8", "replace")


def where_in_s3(url: str) -> tuple[str, str]:
    """Bucket and key of an object's address, in the host's name or in the path, on AWS or on this machine."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", ""
    if parts.scheme == "s3":
        return parts.netloc, unquote(parts.path.lstrip("/"))
    if parts.scheme not in ("http", "https"):
        return "", ""
    host, path = (parts.hostname or "").lower(), parts.path.lstrip("/")
    if not host.startswith(("s3.", "s3-")) and (found := _BUCKET_HOST.fullmatch(host)) is not None:
        return found["bucket"] or found["local"], unquote(path)
    bucket, _, key = path.partition("/")
    return bucket, unquote(key)


async def _bytes(body: Any) -> bytes:
    """The bytes of an S3 answer's ``Body``, whatever kind of stream it is."""
    if isinstance(body, bytes | bytearray):
        return bytes(body)
    if isinstance(body, str):
        return body.encode()
    data = body.read()
    return bytes(await data if hasattr(data, "__await__") else data)


async def template_of_text(text: str, parameters: Mapping[str, str] | None = None) -> Template:
    """The template of a text, with values of parameters; AWS's error when it is none."""
    try:
        return (await known_soon(text, parameters)).template
    except TemplateError as error:
        raise invalid(str(error)) from None


def keep(ctx: Context, owner: str, text: str) -> str:
    """Store a template's text for a stack or change set; its key."""
    key = hashlib.sha256(f"{owner}\n{text}".encode(errors="replace")).hexdigest()
    ctx.table(StackTemplate).put(ctx.scope, StackTemplate(key=key, text=text))
    return key


def text_of(ctx: Context, key: str) -> str:
    """A stored template's text; empty when there is none."""
    stored = ctx.table(StackTemplate).get(ctx.scope, key)
    return stored.text if stored is not None else ""
