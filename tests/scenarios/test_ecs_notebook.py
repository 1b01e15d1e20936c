"""A Laravel-like application as a notebook has it: its task definition, its roles and their policies, as they stand.

The definition takes seven variables from the parameter store and groups its log by date; the task role may write logs
and read parameters, the execution role has AWS's managed policy's text. Region and names are the notebook's.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import fresh_number
from tests.support.aws import Account
from tests.support.cloud import RunningCloud, until
from tests.support.ecs_tasks import TRUST, Place

REGION = "ap-northeast-1"
NAMES = ("DB_HOST", "DB_DATABASE", "DB_PASSWORD", "DB_USERNAME", "REDIS_HOST", "REDIS_PASSWORD", "REDIS_PORT")

DEFINITION = r"""
{
  "family": "prd-foo-ecs-task-definition",
  "requiresCompatibilities": ["FARGATE"],
  "networkMode": "awsvpc",
  "taskRoleArn": "<task role>",
  "executionRoleArn": "<execution role>",
  "cpu": "512",
  "memory": "1024",
  "containerDefinitions": [
    {
      "name": "laravel-container",
      "image": "<IMAGE1_NAME>",
      "essential": true,
      "portMappings": [{"containerPort": 80, "hostPort": 80, "protocol": "tcp"}],
      "secrets": [
        {"name": "DB_HOST", "valueFrom": "/ecs/DB_HOST"},
        {"name": "DB_DATABASE", "valueFrom": "/ecs/DB_DATABASE"},
        {"name": "DB_PASSWORD", "valueFrom": "/ecs/DB_PASSWORD"},
        {"name": "DB_USERNAME", "valueFrom": "/ecs/DB_USERNAME"},
        {"name": "REDIS_HOST", "valueFrom": "/ecs/REDIS_HOST"},
        {"name": "REDIS_PASSWORD", "valueFrom": "/ecs/REDIS_PASSWORD"},
        {"name": "REDIS_PORT", "valueFrom": "/ecs/REDIS_PORT"}
      ],
      "logConfiguration": {
        "logDriver": "awslogs",
        "options": {
          "awslogs-group": "prd-foo-log",
          "awslogs-datetime-format": "\\[%Y-%m-%d %H:%M:%S\\]",
          "awslogs-region": "ap-northeast-1",
          "awslogs-stream-prefix": "prd-foo"
        }
      }
    }
  ]
}
"""

WRITE_LOGS = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": ["arn:aws:logs:*:*:*"],
        }
    ],
}
READ_PARAMETERS = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["ssm:GetParameters"], "Resource": "*"}],
}
EXECUTION = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": [
                "ecr:GetAuthorizationToken",
                "ecr:BatchCheckLayerAvailability",
                "ecr:GetDownloadUrlForLayer",
                "ecr:BatchGetImage",
                "logs:CreateLogStream",
                "logs:PutLogEvents",
            ],
            "Resource": "*",
        }
    ],
}

ARTISAN = """
import datetime, hashlib, hmac, json, os, urllib.error, urllib.request

def get(url, data=None, headers={}):
    request = urllib.request.Request(url, data=data, headers=headers)
    try:
        return urllib.request.urlopen(request, timeout=10).read().decode()
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.read().decode()}"

keys = json.loads(get("http://169.254.170.2" + os.environ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"]))
region = os.environ["AWS_REGION"]

def call(service, host, body, signing_region=region, **more):
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    headers = {"host": host, "x-amz-date": now, "x-amz-security-token": keys["Token"], **more}
    headers = dict(sorted(headers.items()))
    lines = "".join(f"{name}:{value}\\n" for name, value in headers.items())
    names, digest = ";".join(headers), hashlib.sha256(body).hexdigest()
    canonical = "\\n".join(["POST", "/", "", lines, names, digest])
    scope = f"{now[:8]}/{signing_region}/{service}/aws4_request"
    text = "\\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = b"AWS4" + keys["SecretAccessKey"].encode()
    for part in (*scope.split("/"), text):
        key = hmac.new(key, part.encode(), "sha256").digest()
    credential = f"AWS4-HMAC-SHA256 Credential={keys['AccessKeyId']}/{scope}"
    headers["Authorization"] = f"{credential}, SignedHeaders={names}, Signature={key.hex()}"
    headers.setdefault("content-type", "application/x-www-form-urlencoded; charset=utf-8")
    return get(f"http://{host}/", body, headers)

who = call("sts", f"sts.{region}.amazonaws.com", b"Action=GetCallerIdentity&Version=2011-06-15")
asked = b"Action=GetRolePolicy&Version=2010-05-08&RoleName=prd-foo-task-role&PolicyName=ssm"
policy = call("iam", "iam.amazonaws.com", asked, "us-east-1")
asked = b"Action=ListAttachedRolePolicies&Version=2010-05-08&RoleName=prd-foo-task-role"
attached = call("iam", "iam.amazonaws.com", asked, "us-east-1")
parameters = call(
    "ssm", f"ssm.{region}.amazonaws.com", json.dumps({"Names": ["/app/FEATURE"]}).encode(),
    **{"x-amz-target": "AmazonSSM.GetParameters", "content-type": "application/x-amz-json-1.1"},
)
print("[2026-11-23 10:00:00] production.ERROR: something went wrong")
print("#0 /app/Http/Kernel.php(120): handle()")
print("#1 /public/index.php(55): run()")
print("[2026-11-23 10:00:01] production.INFO: " + json.dumps(
    {"role": keys["RoleArn"], "who": who, "policy": policy, "attached": attached, "parameters": parameters,
     "environment": {name: value for name, value in os.environ.items() if name.startswith(("DB_", "REDIS_"))}}
))
"""


class Application:
    """The application's one task, run to its end."""

    def __init__(self, cloud: RunningCloud, folder: Path) -> None:
        account = Account(cloud, fresh_number(), REGION)
        self.account, self.place = account, Place(cloud, account)
        self.task_role, self.execution_role = (self.role(f"prd-foo-{kind}-role") for kind in ("task", "execution"))
        logs = account.cli(
            "iam", "create-policy", "--policy-name", "logs", "--policy-document", json.dumps(WRITE_LOGS)
        )["Policy"]["Arn"]
        attach = ("iam", "attach-role-policy", "--role-name")
        account.cli(*attach, "prd-foo-task-role", "--policy-arn", logs)
        self.inline("prd-foo-task-role", "ssm", READ_PARAMETERS)
        self.inline("prd-foo-execution-role", "execution", EXECUTION)
        for name in NAMES:
            account.ssm.put_parameter(Name=f"/ecs/{name}", Value=f"the {name}", Type="SecureString")
        account.ssm.put_parameter(Name="/app/FEATURE", Value="on", Type="String")
        account.logs.create_log_group(logGroupName="prd-foo-log")
        text = DEFINITION.replace("<task role>", self.task_role).replace("<execution role>", self.execution_role)
        file = folder / "taskdef.json"
        file.write_text(text.replace("<IMAGE1_NAME>", "web"))
        account.cli("ecs", "register-task-definition", "--cli-input-json", f"file://{file}")
        command = [{"name": "laravel-container", "command": ["python3", "-c", ARTISAN]}]
        arn = self.place.run("prd-foo-ecs-task-definition", overrides={"containerOverrides": command})
        self.id = arn.rpartition("/")[2]
        self.task = self.place.until(arn, "STOPPED")
        found = account.logs.get_log_events(
            logGroupName="prd-foo-log", logStreamName=f"prd-foo/laravel-container/{self.id}", startFromHead=True
        )
        self.events: list[dict[str, Any]] = found["events"]

    def role(self, name: str) -> str:
        made = self.account.cli(
            "iam", "create-role", "--role-name", name, "--assume-role-policy-document", json.dumps(TRUST)
        )
        return str(made["Role"]["Arn"])

    def inline(self, role: str, name: str, policy: dict[str, Any]) -> None:
        given = ("--role-name", role, "--policy-name", name, "--policy-document", json.dumps(policy))
        self.account.cli("iam", "put-role-policy", *given)

    def said(self) -> dict[str, Any]:
        """What the program inside found out."""
        assert len(self.events) == 2, (self.task["stoppedReason"], self.task["containers"], self.events)
        return dict(json.loads(self.events[1]["message"].partition("INFO: ")[2]))

    def callers(self, event: str, region: str = REGION) -> set[str]:
        """The role sessions that have made a call, from CloudTrail."""
        attributes = json.dumps([{"AttributeKey": "EventName", "AttributeValue": event}])
        found = self.account.cli("cloudtrail", "lookup-events", "--lookup-attributes", attributes, "--region", region)[
            "Events"
        ]
        identities = [json.loads(each["CloudTrailEvent"])["userIdentity"] for each in found]
        return {each["arn"].rpartition(":assumed-role/")[2] for each in identities if self.id in each.get("arn", "")}


@pytest.fixture(scope="module")
def application(cloud: RunningCloud, tmp_path_factory: pytest.TempPathFactory) -> Application:
    return Application(cloud, tmp_path_factory.mktemp("notebook"))


def test_the_definition_runs_as_it_stands(application: Application) -> None:
    (container,) = application.task["containers"]
    assert container.get("exitCode") == 0, (application.task["stoppedReason"], application.events)
    assert application.said()["environment"] == {name: f"the {name}" for name in NAMES}


def test_lines_are_grouped_by_date_in_the_stream_of_the_notebook(application: Application) -> None:
    """A stack trace is one event; the stream is <prefix>/<container>/<task id>."""
    streams = application.account.cli("logs", "describe-log-streams", "--log-group-name", "prd-foo-log")["logStreams"]
    assert [each["logStreamName"] for each in streams] == [f"prd-foo/laravel-container/{application.id}"]
    assert application.events[0]["message"].splitlines() == [
        "[2026-11-23 10:00:00] production.ERROR: something went wrong",
        "#0 /app/Http/Kernel.php(120): handle()",
        "#1 /public/index.php(55): run()",
    ]


def test_the_code_inside_is_the_task_role_with_its_policies(application: Application) -> None:
    """The credentials endpoint, and what those credentials may ask."""
    from urllib.parse import unquote

    said = application.said()
    assert said["role"] == application.task_role
    assert f":assumed-role/prd-foo-task-role/{application.id}</Arn>" in said["who"]
    policy = said["policy"].partition("<PolicyDocument>")[2].partition("</PolicyDocument>")[0]
    assert json.loads(unquote(policy).replace("&quot;", '"')) == READ_PARAMETERS
    assert "<PolicyName>logs</PolicyName>" in said["attached"]
    assert [each["Value"] for each in json.loads(said["parameters"])["Parameters"]] == ["on"]


def test_the_agent_is_the_execution_role(application: Application) -> None:
    """CloudTrail tells the two apart: secrets and log streams are the agent's, the program's calls its own."""
    execution, own = (f"prd-foo-{kind}-role/{application.id}" for kind in ("execution", "task"))
    assert application.callers("CreateLogStream") == {execution}
    assert application.callers("GetCallerIdentity") == {own}
    # IAM is global: its calls are on the record of us-east-1.
    assert application.callers("GetRolePolicy", "us-east-1") == {own}
    assert own in application.callers("GetParameters")


def test_who_fetched_the_secrets_is_on_the_record(application: Application) -> None:
    """CloudTrail shows the execution role's GetParameters beside the program's own."""
    roles = {each.partition("/")[0] for each in application.callers("GetParameters")}
    assert roles == {"prd-foo-execution-role", "prd-foo-task-role"}


def test_the_managed_policy_can_be_attached(application: Application) -> None:
    """AmazonECSTaskExecutionRolePolicy, as the notebook asks for."""
    name = "AmazonECSTaskExecutionRolePolicy"
    arn = f"arn:aws:iam::aws:policy/service-role/{name}"
    account = application.account
    account.cli("iam", "attach-role-policy", "--role-name", "prd-foo-execution-role", "--policy-arn", arn)
    found = account.cli("iam", "list-attached-role-policies", "--role-name", "prd-foo-execution-role")
    assert found["AttachedPolicies"] == [{"PolicyName": name, "PolicyArn": arn}]


def test_a_private_task_reaches_aws_by_a_nat_gateway(cloud: RunningCloud) -> None:
    """The same task, without and with the route."""
    place = Place(cloud, Account(cloud, fresh_number(), REGION))
    ec2, said = place.account.ec2, "echo from a private subnet"
    with pytest.raises(AssertionError, match="i/o timeout"):
        place.inside(said, private=True)
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    gateway = ec2.create_nat_gateway(SubnetId=place.public, AllocationId=address)["NatGateway"]["NatGatewayId"]

    def state() -> str:
        (found,) = ec2.describe_nat_gateways(NatGatewayIds=[gateway])["NatGateways"]
        return str(found["State"])

    until(lambda: state() == "available", "the gateway is available")
    tables = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [place.vpc]}])["RouteTables"]
    (main,) = (each["RouteTableId"] for each in tables if any(a.get("Main") for a in each["Associations"]))
    ec2.create_route(RouteTableId=main, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=gateway)
    assert place.inside(said, private=True) == "from a private subnet"
