"""PutDashboard, GetDashboard, ListDashboards, DeleteDashboards."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.paging import BadToken, position, token
from cloudarium.kernel.service import operation
from cloudarium.services.cloudwatch import tagging
from cloudarium.services.cloudwatch.dashboards import Dashboard, dashboard_arn, everywhere
from cloudarium.services.cloudwatch.dashboards.validation import Finding, validate
from cloudarium.services.cloudwatch.errors import invalid_value

if TYPE_CHECKING:
    from types_boto3_cloudwatch.type_defs import (
        DeleteDashboardsInputTypeDef,
        GetDashboardInputTypeDef,
        ListDashboardsInputTypeDef,
        PutDashboardInputTypeDef,
    )

_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
_MOST_BYTES = 1024 * 1024
_PAGE = 1_000
_MOST_DELETED = 100


@operation
def put_dashboard(ctx: Context, request: PutDashboardInputTypeDef) -> Answer:
    """Make a dashboard, or change all of it but its tags, which only a new one is given here.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html
    """
    name, text = request["DashboardName"], request["DashboardBody"]
    if _NAME.fullmatch(name) is None:
        raise _invalid(
            f"The value {name} for field DashboardName contains invalid characters. "
            "It can only contain alphanumerics, dash (-) and underscore (_)."
        )
    if len(text.encode()) > _MOST_BYTES:
        raise _invalid(f"The field DashboardBody must not be longer than {_MOST_BYTES} bytes")
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise _invalid("The field DashboardBody must be a valid JSON object")
    findings = validate(body)
    errors = [finding for finding in findings if finding.error]
    if errors:
        shown = json.dumps([{"dataPath": found.path, "message": found.message} for found in errors], indent=2)
        raise _invalid(f"The dashboard body is invalid, there are {len(errors)} validation errors:\n{shown}", errors)
    given = {tag["Key"]: tag["Value"] for tag in request.get("Tags", ())}
    if problem := tagging.mistake(ctx.principal, {}, [tag["Key"] for tag in request.get("Tags", ())]):
        raise _invalid(problem)
    table = ctx.table(Dashboard)
    there = table.get(everywhere(ctx.account), name)
    tags = there.tags if there is not None else given
    table.put(everywhere(ctx.account), Dashboard(name=name, body=text, modified=ctx.clock.now(), tags=tags))
    return {"DashboardValidationMessages": _messages(findings)}


@operation
def get_dashboard(ctx: Context, request: GetDashboardInputTypeDef) -> Answer:
    """A dashboard's body, as it was put."""
    dashboard = _there(ctx, request["DashboardName"])
    return {
        "DashboardArn": dashboard_arn(ctx.account, dashboard.name),
        "DashboardBody": dashboard.body,
        "DashboardName": dashboard.name,
    }


@operation
def list_dashboards(ctx: Context, request: ListDashboardsInputTypeDef) -> Answer:
    """Dashboards by name, those that begin with a prefix if one is given."""
    prefix = request.get("DashboardNamePrefix", "")
    found = sorted(
        (each for each in ctx.table(Dashboard).all(everywhere(ctx.account)) if each.name.startswith(prefix)),
        key=lambda each: each.name,
    )
    if (text := request.get("NextToken")) is not None:
        try:
            after = str(position(text, request))
        except BadToken:
            raise invalid_value("Request parameter NextToken is invalid") from None
        found = [each for each in found if each.name > after]
    answer: Answer = {
        "DashboardEntries": [
            {
                "DashboardName": each.name,
                "DashboardArn": dashboard_arn(ctx.account, each.name),
                "LastModified": datetime.fromtimestamp(each.modified, UTC),
                "Size": len(each.body.encode()),
            }
            for each in found[:_PAGE]
        ]
    }
    if len(found) > _PAGE:
        answer["NextToken"] = token(found[_PAGE - 1].name, request)
    return answer


@operation
def delete_dashboards(ctx: Context, request: DeleteDashboardsInputTypeDef) -> Answer:
    """Delete dashboards; none of them if one is not there."""
    names = request["DashboardNames"]
    if not 0 < len(names) <= _MOST_DELETED:
        raise invalid_value(f"The collection DashboardNames must have from 1 to {_MOST_DELETED} names.")
    for name in names:
        _there(ctx, name)
    for name in names:
        ctx.table(Dashboard).delete(everywhere(ctx.account), name)
    return {}


def _there(ctx: Context, name: str) -> Dashboard:
    found = ctx.table(Dashboard).get(everywhere(ctx.account), name)
    if found is None:
        raise AwsError("ResourceNotFound", f"Dashboard {name} does not exist", 404)
    return found


def _invalid(message: str, errors: Sequence[Finding] = ()) -> AwsError:
    return AwsError(
        "InvalidParameterInput",
        message,
        400,
        members={"dashboardValidationMessages": _messages(errors)} if errors else None,
    )


def _messages(findings: Sequence[Finding]) -> list[Answer]:
    return [{"DataPath": found.path, "Message": found.message} for found in findings]
