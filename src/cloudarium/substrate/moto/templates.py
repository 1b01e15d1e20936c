"""CloudFormation that makes what a template says, or refuses it by name.

moto answers CloudFormation by making the resources inside of itself. That is right for services that moto answers too.
A resource of one of the cloud's own services would be a fake that nobody else sees, and of a type that moto does not
know it makes nothing; both while it answers CREATE_COMPLETE. So templates are looked at first, on every way in: stacks,
change sets, stack sets and, once their parent is made, nested stacks.

They are also read safely: moto reads YAML in a way in which a template can name any function of Python to be called.
And they are found in S3 by every address that leads to the cloud's: moto knows AWS's own addresses only.
"""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote, urlsplit

from cloudarium.substrate.moto import addresses, stacks

_SERVICES = {"elasticloadbalancingv2": "elbv2"}
"""Services whose name in resource types is not botocore's, in lower case."""
_MAKES_NOTHING = frozenset({"AWS::CDK::Metadata", "AWS::CloudFormation::WaitConditionHandle"})
"""Types that have nothing behind them on AWS either: the latter is a URL that only a WaitCondition listens to."""
_NEEDS_NOTHING = ("AWS::LanguageExtensions",)
"""Transforms without which a template means the same, as long as it has no Fn::ForEach."""
_TEMPLATED = ("create_stack", "update_stack", "create_change_set", "create_stack_set", "update_stack_set")
_SHOWN = 20


class BadTemplate(Exception):
    """A template that cannot be made; the text is CloudFormation's, or ours where AWS would have made it."""


def service_of(resource_type: str) -> str:
    """botocore's name of the service a resource type (``AWS::EC2::VPC``) belongs to, mostly; empty for none of AWS's.

    Mostly, because only the services that are the cloud's own need to be told.
    """
    parts = resource_type.split("::")
    if len(parts) < 3 or parts[0] != "AWS":
        return ""
    return _SERVICES.get(name := parts[1].lower(), name)


def check(template: Any, owned: Iterable[str], known: Iterable[str]) -> None:
    """Raise ``BadTemplate`` unless everything in a template (as text) can be made.

    ``owned`` are the services that are the cloud's own, ``known`` the resource types that moto makes.
    """
    parsed = _parse(template) if isinstance(template, str) else template
    if not isinstance(parsed, dict):
        raise BadTemplate("Template format error: unsupported structure.")
    transforms = parsed.get("Transform") or []
    for transform in transforms if isinstance(transforms, list) else [transforms]:
        if transform not in _NEEDS_NOTHING:
            raise BadTemplate(f"Transform {_short(transform)} is not implemented in Cloudarium yet.")
    resources = parsed.get("Resources")
    if not isinstance(resources, dict) or not resources:
        raise BadTemplate("Template format error: At least one Resources member must be defined.")
    ours, unknown = set(), set()
    for name, resource in resources.items():
        if str(name).startswith("Fn::ForEach"):
            raise BadTemplate("Fn::ForEach is not implemented in Cloudarium yet.")
        if not isinstance(resource, dict) or not isinstance(kind := resource.get("Type"), str):
            must = "Every Resources object must contain a Type member."
            raise BadTemplate(f"Template format error: [/Resources/{name}] {must}")
        if service_of(kind) in owned:
            ours.add(kind)
        elif kind not in known and kind not in _MAKES_NOTHING:
            unknown.add(kind)
    said = [
        f"[{', '.join(sorted(kinds)[:_SHOWN])}]{why}"
        for kinds, why in (
            (ours, ", whose services are Cloudarium's own: use their API, the AWS CLI or Terraform"),
            (unknown, ", which moto does not know"),
        )
        if kinds
    ]
    if said:
        raise BadTemplate(f"CloudFormation cannot make these resource types in Cloudarium yet: {'; '.join(said)}.")


def install(owned: Callable[[], Iterable[str] | None]) -> None:
    """Put the check before whatever takes a template in moto; without effect where ``owned`` answers None."""
    import moto.cloudformation.models as models
    import moto.cloudformation.responses as responses
    import yaml  # type: ignore[import-untyped,unused-ignore]
    from moto.cloudformation.exceptions import ValidationError
    from moto.cloudformation.parsing import get_model_map

    if yaml.Loader is _loader():
        return
    yaml.Loader = _loader()
    known = frozenset(get_model_map())

    def checked(method: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(method)

        @functools.wraps(method)
        def call(*args: Any, **kwargs: Any) -> Any:
            template = signature.bind(*args, **kwargs).arguments.get("template")
            if template is not None and (own := owned()) is not None:
                try:
                    check(template, own, known)
                except BadTemplate as error:
                    raise ValidationError(message=str(error)) from None
            return method(*args, **kwargs)

        return call

    for name in _TEMPLATED:
        setattr(models.CloudFormationBackend, name, checked(getattr(models.CloudFormationBackend, name)))
    stacks.install()
    named = models.CloudFormationBackend, responses
    for holder, name in zip(named, ("validate_template", "get_template_summary_response_from_template"), strict=True):
        setattr(holder, name, _parsing(getattr(holder, name)))
    for module in (models, responses):
        vars(module)["get_stack_from_s3_url"] = _from_s3


def _parsing(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that takes a template last, given only those that can be read."""
    from moto.cloudformation.exceptions import ValidationError

    @functools.wraps(function)
    def call(*args: Any) -> Any:
        try:
            if not isinstance(_parse(args[-1]), dict):
                raise BadTemplate("Template format error: unsupported structure.")
        except BadTemplate as error:
            raise ValidationError(message=str(error)) from None
        return function(*args)

    return call


def _from_s3(template_url: str, account_id: str, partition: str) -> str:
    """The template at a TemplateURL."""
    from moto.cloudformation.exceptions import ValidationError
    from moto.s3.exceptions import S3ClientError
    from moto.s3.models import s3_backends

    bucket, key = where_in_s3(template_url)
    try:
        found: Any = s3_backends[account_id][partition].get_object(bucket, key)
    except S3ClientError as error:
        raise ValidationError(message=f"S3 error: {error.message}") from None
    if found is None:
        raise ValidationError(message="S3 error: The specified key does not exist.")
    text: str = found.value.decode("utf-8", "replace")
    return text


def where_in_s3(url: str) -> tuple[str, str]:
    """Bucket and key of an object's address, however it is written."""
    parts = urlsplit(url)
    if parts.scheme == "s3":
        return parts.netloc, unquote(parts.path.lstrip("/"))
    bucket, _, key = urlsplit(addresses.s3_url(parts.netloc, "us-east-1", parts.path)).path.lstrip("/").partition("/")
    return bucket, unquote(key)


@functools.cache
def _loader() -> Any:
    """YAML as CloudFormation has it, with the short forms of its functions, and without any of Python's."""
    import yaml
    from moto.cloudformation.utils import yaml_tag_constructor

    class Loader(yaml.SafeLoader):  # type: ignore[misc,unused-ignore]
        pass

    def short_form(loader: Any, suffix: str, node: Any) -> Any:
        return yaml_tag_constructor(loader, f"!{suffix}", node)

    Loader.add_multi_constructor("!", short_form)
    return Loader


def _parse(text: str) -> Any:
    import yaml

    try:
        return yaml.load(text, Loader=_loader())
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        first = error
    try:
        return json.loads(text)
    except ValueError:
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark is not None else ""
        why = f" {problem}" if (problem := getattr(first, "problem", None)) and "constructor" in problem else ""
        raise BadTemplate(f"Template format error: YAML not well-formed.{where}{why}") from None


def _short(value: Any) -> str:
    return str(value.get("Name", value) if isinstance(value, dict) else value)[:100]
