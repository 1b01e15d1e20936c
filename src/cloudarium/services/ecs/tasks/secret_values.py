"""Values of secrets and environment files, fetched as the execution role.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/specifying-sensitive-data.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from cloudarium.kernel.client import AwsClients
from cloudarium.kernel.errors import AwsError
from cloudarium.services.ecs.tasks import environment, reasons
from cloudarium.services.ecs.tasks.secret_references import BadReference, Reference, parse, pick

_BATCH = 10
"""Parameters that one GetParameters may name."""
_RETRIED = "service call has been retried 1 time(s): "

Clients = Callable[[str], AwsClients]
"""AWS as the execution role in a region (empty: the task's own)."""


def references(definition: Mapping[str, Any]) -> dict[str, Reference]:
    """The secrets of a container: environment variable to reference. Raises CannotRun."""
    return _parsed({secret["name"]: secret["valueFrom"] for secret in definition.get("secrets") or ()})


def router_references(definitions: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Reference]]:
    """The log router's name, and its variables for the others' ``secretOptions``; empty without. Raises CannotRun."""
    router = next((each["name"] for each in definitions if each.get("firelensConfiguration")), "")
    if not router:
        return {}
    from cloudarium.services.ecs.logdrivers.firelens.config import secret_options

    return {router: _parsed(secret_options(definitions))}


def _parsed(sources: Mapping[str, str]) -> dict[str, Reference]:
    found = {}
    for name, source in sources.items():
        try:
            found[name] = parse(source)
        except BadReference as error:
            raise reasons.pull_secrets("secrets", str(error)) from error
    return found


async def values(clients: Clients, wanted: Iterable[Reference]) -> dict[Reference, str]:
    """What the references stand for, each fetched once; raises CannotRun."""
    unique = list(dict.fromkeys(wanted))
    found: dict[Reference, str] = {}
    by_region: dict[str, list[Reference]] = {}
    for reference in unique:
        if reference.service == "ssm":
            by_region.setdefault(reference.region, []).append(reference)
        else:
            found[reference] = await secret(clients(reference.region), reference)
    for region, parameters in by_region.items():
        for start in range(0, len(parameters), _BATCH):
            found.update(await _parameters(clients(region), parameters[start : start + _BATCH]))
    return found


async def _parameters(aws: AwsClients, wanted: list[Reference]) -> dict[Reference, str]:
    names = {reference: _names(reference.identifier) for reference in wanted}
    asked = list(dict.fromkeys(name for each in names.values() for name in each))
    try:
        answers = [
            await aws.ssm.get_parameters(Names=asked[start : start + _BATCH], WithDecryption=True)
            for start in range(0, len(asked), _BATCH)
        ]
    except AwsError as error:
        raise reasons.pull_secrets("secrets from ssm", f"{_RETRIED}{error.code}: {error.message}") from error
    values = {each["Name"]: each["Value"] for answer in answers for each in answer.get("Parameters", ())}
    found, missing = {}, []
    for reference, candidates in names.items():
        name = next((each for each in candidates if each in values), None)
        if name is None:
            missing.append(reference.identifier)
        else:
            found[reference] = values[name]
    if missing:
        raise reasons.pull_secrets("secrets from ssm", f"{_RETRIED}invalid ssm parameters: {', '.join(missing)}")
    return found


def _names(identifier: str) -> tuple[str, ...]:
    """A parameter's name; an ARN does not tell whether the name begins with a slash, unless it has further ones."""
    if not identifier.startswith("arn:"):
        return (identifier,)
    rest = identifier.split(":", 5)[5].removeprefix("parameter").lstrip("/")
    return (f"/{rest}",) if "/" in rest else (rest, f"/{rest}")


async def secret(aws: AwsClients, reference: Reference) -> str:
    """The value of a Secrets Manager reference; raises CannotRun."""
    wanted = {"SecretId": reference.identifier}
    if reference.version_stage:
        wanted["VersionStage"] = reference.version_stage
    if reference.version_id:
        wanted["VersionId"] = reference.version_id
    try:
        answer = await aws.secretsmanager.get_secret_value(**wanted)
    except AwsError as error:
        cause = f"failed to fetch secret {reference.identifier} from secrets manager: {error.code}: {error.message}"
        raise reasons.pull_secrets("secret from asm", f"{_RETRIED}{cause}") from error
    if "SecretString" not in answer:
        raise reasons.pull_secrets("secret from asm", f"{_RETRIED}the secret {reference.identifier} is binary")
    try:
        return pick(answer["SecretString"], reference.json_key)
    except BadReference as error:
        raise reasons.pull_secrets("secret from asm", f"{_RETRIED}{error}") from error


async def registry_password(aws: AwsClients, parameter: str) -> tuple[str, str]:
    """User name and password of ``repositoryCredentials``; raises CannotRun."""
    reference = Reference("secretsmanager", parameter) if not parameter.startswith("arn:") else parse(parameter)
    try:
        document = json.loads(await secret(aws, reference))
        return str(document["username"]), str(document["password"])
    except (ValueError, KeyError, TypeError) as error:
        cause = "the secret of repositoryCredentials must be JSON with username and password"
        raise reasons.pull_secrets("registry credentials from asm", cause) from error


async def environment_files(aws: AwsClients, definition: Mapping[str, Any]) -> dict[str, str]:
    """Variables of a container's ``environmentFiles``, later ones over earlier ones; raises CannotRun."""
    found: dict[str, str] = {}
    for each in definition.get("environmentFiles") or ():
        bucket, _, key = str(each["value"]).partition(":::")[2].partition("/")
        try:
            answer = await aws.s3.get_object(Bucket=bucket, Key=key)
        except AwsError as error:
            text = f"failed to download env files: file download command: non empty error stream: {error.code}"
            raise reasons.resource(text) from error
        found.update(environment.parse_file(await body(answer["Body"])))
    return found


async def body(given: Any) -> bytes:
    """The bytes of an S3 answer's ``Body``, whatever kind of stream it is."""
    if isinstance(given, bytes | bytearray | str):
        return given.encode() if isinstance(given, str) else bytes(given)
    if hasattr(given, "read"):
        data = given.read()
        return bytes(await data if hasattr(data, "__await__") else data)
    return b"".join([piece async for piece in given])
