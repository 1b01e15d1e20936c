"""References to secrets, followed right before a resource is made; what they lead to is neither stored nor shown.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.ids import request_id
from cloudarium.services.cloudformation.engine.evaluation import HIDDEN
from cloudarium.services.cloudformation.engine.failures import passes
from cloudarium.services.cloudformation.kinds.kind import Failed
from cloudarium.services.cloudformation.resources import Settings
from cloudarium.services.cloudformation.template import DynamicReference, dynamic_reference

_SHORTEST = 4
"""Characters of a secret that is looked for in texts: shorter ones are in too many words."""
_REFERENCE = re.compile(r"\{\{resolve:(?:ssm-secure|secretsmanager):[^{}]{1,2100}\}\}")


async def revealed(ctx: Context, properties: Mapping[str, Any], found: set[str]) -> dict[str, Any]:
    """Properties with every reference to a secret replaced by the secret; those are added to ``found``."""
    return {name: await _revealed(ctx, value, found) for name, value in properties.items()}


def masked(text: str, secrets: Iterable[str]) -> str:
    """A text that others have written, such as the reason of an error, without secrets that they repeat."""
    for each in sorted(secrets, key=len, reverse=True):
        if len(each) >= _SHORTEST:
            text = text.replace(each, HIDDEN)
    return text


def hidden_values(settings: Settings) -> set[str]:
    """Values of parameters that nobody may see."""
    return {settings.found.get(name, settings.parameters.get(name, "")) for name in settings.hidden}


async def _revealed(ctx: Context, node: Any, found: set[str]) -> Any:
    if isinstance(node, dict):
        return {key: await _revealed(ctx, value, found) for key, value in node.items()}
    if isinstance(node, list):
        return [await _revealed(ctx, value, found) for value in node]
    if not isinstance(node, str) or "{{resolve:" not in node:
        return node
    parts, end = [], 0
    for match in _REFERENCE.finditer(node):
        secret = await _secret(ctx, dynamic_reference(match[0]))
        found.add(secret)
        parts += [node[end : match.start()], secret]
        end = match.end()
    return "".join([*parts, node[end:]])


async def _secret(ctx: Context, asked: DynamicReference) -> str:
    if asked.service == "ssm-secure":
        name = f"{asked.name}:{asked.version}" if asked.version else asked.name
        answer = await ctx.aws.ssm.get_parameter(Name=name, WithDecryption=True)
        return str(answer["Parameter"]["Value"])
    given = {"SecretId": asked.name, "VersionStage": asked.stage, "VersionId": asked.version}
    try:
        answer = await ctx.aws.secretsmanager.get_secret_value(**{key: value for key, value in given.items() if value})
    except AwsError as error:
        if passes(error):
            raise
        # Not the error of the service behind the resource, which was not asked yet.
        about = f"Status Code: {error.status}; Error Code: {error.code}; Request ID: {error.request_id or request_id()}"
        raise Failed(f"{error.message} (Service: AWSSecretsManager; {about}; Proxy: null)") from None
    secret = str(answer.get("SecretString", ""))
    if not asked.json_key:
        return secret
    try:
        found = msgspec.json.decode(secret)[asked.json_key]
    except (msgspec.MsgspecError, KeyError, TypeError):
        raise Failed(f"Could not find a value associated with JSONKey in SecretString: {asked.json_key}") from None
    return found if isinstance(found, str) else msgspec.json.encode(found).decode()
