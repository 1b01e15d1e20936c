"""The operations against AWS's model: names, and every filter that the documentation of each Describe names."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import botocore
import pytest

from cloudarium.services.ec2 import SERVICE

from .conftest import Ec2

_PATH = Path(botocore.__file__).parent / "data/ec2/2016-11-15/service-2.json.gz"
_MODEL: dict[str, Any] = json.loads(gzip.decompress(_PATH.read_bytes()))

_PLACEHOLDERS = {"tag", "tag:key=value"}


def _ours() -> dict[str, str]:
    return {botocore.xform_name(name): name for name in _MODEL["operations"] if SERVICE.find(name) is not None}


def _filters_member(operation: str) -> str | None:
    members = _MODEL["shapes"][_MODEL["operations"][operation]["input"]["shape"]]["members"]
    return next((name for name in ("Filters", "Filter") if name in members), None)


def _documented_filters(operation: str) -> list[str]:
    member = _filters_member(operation)
    shape = _MODEL["shapes"][_MODEL["operations"][operation]["input"]["shape"]]
    html = shape["members"][member].get("documentation", "") if member else ""
    items = re.findall(r"<li>(.*?)</li>", html, re.DOTALL)
    found = []
    for item in items:
        if (match := re.match(r"\s*<p>\s*<code>([^<]+)</code>", item)) is not None:
            found.append(match[1])
            found += re.findall(r"also use <code>(\w+)</code>(?: or <code>(\w+)</code>)? as the filter name", item)
    flat: list[str] = []
    for each in found:
        flat += [each] if isinstance(each, str) else [name for name in each if name]
    return [name for name in flat if not name.startswith("tag:") and name not in _PLACEHOLDERS]


def test_every_function_is_an_operation_of_aws() -> None:
    assert set(SERVICE.operations()) == set(_ours())


@pytest.mark.parametrize("name", sorted(name for name in _ours() if _filters_member(_ours()[name])))
def test_every_documented_filter_is_known(ec2: Ec2, name: str) -> None:
    operation = _ours()[name]
    member = str(_filters_member(operation))
    required: dict[str, Any] = {}
    if name == "get_security_groups_for_vpc":
        required = {"VpcId": ec2.vpc()}
    documented = _documented_filters(operation)
    assert documented
    for each in documented:
        getattr(ec2, name)(**required, **{member: [{"Name": each, "Values": ["no-such-value"]}]})
    ec2.fails(
        name,
        "InvalidParameterValue",
        "The filter 'nonsense' is invalid",
        **required,
        **{member: [{"Name": "nonsense", "Values": ["x"]}]},
    )
