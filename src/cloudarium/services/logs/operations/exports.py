"""Export tasks: a group's events of some time, as gzipped files in S3."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.ids import request_id
from cloudarium.kernel.service import operation
from cloudarium.services.logs import tokens
from cloudarium.services.logs.errors import invalid, not_found, not_possible, too_many
from cloudarium.services.logs.lookup import group_named
from cloudarium.services.logs.resources import STANDARD, ExportTask
from cloudarium.services.logs.start import EXPORTS

if TYPE_CHECKING:
    from types_boto3_logs.type_defs import (
        CancelExportTaskRequestTypeDef,
        DescribeExportTasksRequestTypeDef,
    )

_ACTIVE = ("PENDING", "RUNNING", "PENDING_CANCEL")
_WORDS = {
    "PENDING": "Pending",
    "RUNNING": "Running",
    "COMPLETED": "Completed successfully",
    "CANCELLED": "Cancelled by user",
    "FAILED": "Failed",
}


@operation()
async def create_export_task(ctx: Context, request: Answer) -> Answer:
    """Begin an export, after a test file could be written to the bucket."""
    group = group_named(ctx, request["logGroupName"])
    if group.log_class != STANDARD:
        raise not_possible(f"Export tasks are not supported for log groups of the class {group.log_class}.")
    start, end = request["from"], request["to"]
    if end <= start:
        raise invalid("The 'from' timestamp must be earlier than the 'to' timestamp.")
    if end < group.created:
        raise invalid("The 'to' timestamp must not be earlier than the creation of the log group.")
    bucket, prefix = request["destination"], request.get("destinationPrefix") or "exportedlogs"
    table = ctx.table(ExportTask)
    if any(each.status in _ACTIVE for each in table.all(ctx.scope)):
        raise too_many()
    key = f"{prefix}/aws-logs-write-test"
    try:
        await ctx.cloud.context(ctx.scope, "logs").aws.s3.put_object(
            Bucket=bucket, Key=key, Body=b"Permission Check Successful"
        )
    except AwsError as error:
        if error.code == "NoSuchBucket":
            raise invalid("The given bucket does not exist. Please validate that the bucket exists.") from error
        raise invalid(f"PutObject call on the given bucket failed. Please check if CloudWatch Logs has been granted "
                      f"permission to perform this operation. ({error.code})") from error  # fmt: skip
    made = ExportTask(
        id=request_id(),
        name=request.get("taskName") or "",
        group=group.uid,
        group_name=group.name,
        stream_prefix=request.get("logStreamNamePrefix") or "",
        start=start,
        end=end,
        bucket=bucket,
        prefix=prefix,
        status="PENDING",
        created=int(ctx.clock.now() * 1000),
    )
    table.put(ctx.scope, made)
    ctx.cloud.enqueue(EXPORTS, (ctx.scope, made.id))
    return {"taskId": made.id}


@operation()
def cancel_export_task(ctx: Context, request: CancelExportTaskRequestTypeDef) -> Answer:
    """Stop an export; what was written stays."""
    table = ctx.table(ExportTask)
    task = table.get(ctx.scope, request["taskId"])
    if task is None:
        raise not_found("The specified export task does not exist.")
    if task.status not in _ACTIVE:
        raise AwsError("InvalidOperationException", "The specified export task has already finished", 400)
    table.put(ctx.scope, task.replace(status="CANCELLED", completed=int(ctx.clock.now() * 1000)))
    return {}


@operation()
def describe_export_tasks(ctx: Context, request: DescribeExportTasksRequestTypeDef) -> Answer:
    """List exports."""
    wanted, status = request.get("taskId"), request.get("statusCode")
    found = [each for each in ctx.table(ExportTask).all(ctx.scope) if status in (None, each.status)]
    if wanted is not None:
        found = [each for each in found if each.id == wanted]
        if not found:
            raise not_found("The specified export task does not exist.")
    by_key = {f"{each.created:020d}{each.id}": each for each in found}
    shown, more = tokens.page(sorted(by_key), request, 50)
    return {"exportTasks": [_view(by_key[key]) for key in shown], **more}


def _view(task: ExportTask) -> Answer:
    execution: Answer = {"creationTime": task.created}
    if task.completed is not None:
        execution["completionTime"] = task.completed
    shown: Answer = {
        "taskId": task.id,
        "logGroupName": task.group_name,
        "from": task.start,
        "to": task.end,
        "destination": task.bucket,
        "destinationPrefix": task.prefix,
        "status": {"code": task.status, "message": task.message or _WORDS.get(task.status, task.status)},
        "executionInfo": execution,
    }
    if task.name:
        shown["taskName"] = task.name
    return shown
