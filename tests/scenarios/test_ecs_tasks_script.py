"""The notebook's script that runs a one-off task beside a service and exits with its container's code.

Changed is only what its own typing errors make necessary: in single quotes the quotation marks of JSON are not escaped;
``tr -d '"'``; the container's member is ``exitCode``; lists are printed on one line (``--output json`` and ``jq -c``),
because the shorthand syntax takes no line breaks; quotes around what is echoed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.aws import Account
from tests.support.cloud import RunningCloud, until
from tests.support.ecs_tasks import Place

from cloudarium.substrate.images import machine_images

SCRIPT = r"""#!/bin/bash

set -x

echo "Set Variables"
SERVICE_NAME="prd-foo-ecs-service"
CLUSTER_NAME="prd-foo-ecs-cluster"
TASK_NAME="prd-foo-ecs-task-definition"
SUBNETS_CONFIG=$(aws ecs describe-services \
  --cluster ${CLUSTER_NAME} \
  --services ${SERVICE_NAME} \
  --query "services[].deployments[].networkConfiguration[].awsvpcConfiguration[].subnets[]" | jq -c .)
SGS_CONFIG=$(aws ecs describe-services \
  --cluster ${CLUSTER_NAME} \
  --services ${SERVICE_NAME} \
  --query "services[].deployments[].networkConfiguration[].awsvpcConfiguration[].securityGroups[]" | jq -c .)

echo "Run Task"
TASK_ARN=$(aws ecs run-task \
  --launch-type FARGATE \
  --cluster ${CLUSTER_NAME} \
  --platform-version "1.4.0" \
  --network-configuration "awsvpcConfiguration={subnets=${SUBNETS_CONFIG},securityGroups=${SGS_CONFIG}}" \
  --task-definition ${TASK_NAME} \
  --overrides '{"containerOverrides": [{"name": "laravel-container","command": ["php", "artisan", "db:seed", "--class=DummySeeder", "--force"]}]}' \
  --query "tasks[0].taskArn" | tr -d '"')

echo "Wait until task stopped"
aws ecs wait tasks-stopped \
  --cluster ${CLUSTER_NAME} \
  --tasks ${TASK_ARN}

echo "Get task result"
RESULT=$(aws ecs describe-tasks \
  --cluster ${CLUSTER_NAME} \
  --tasks ${TASK_ARN})
echo "${RESULT}"

EXIT_STATUS=$(echo "${RESULT}" | jq .tasks[0].containers[0].exitCode)
echo exitStatus ${EXIT_STATUS}
exit ${EXIT_STATUS}
"""  # noqa: E501

PHP = """#!/bin/sh
echo "php $*"
[ "$*" = "artisan db:seed --class=DummySeeder --force" ] && exit 23
exit 1
"""


def test_the_run_task_script_ends_with_the_container_s_code(
    cloud: RunningCloud, account: Account, tmp_path: Path
) -> None:
    if shutil.which("jq") is None:
        pytest.skip("the script needs jq")
    place = Place(cloud, account)
    root = tmp_path / "root"
    root.mkdir()
    machine_images.busybox_root(root)
    (root / "bin" / "php").write_text(PHP)
    (root / "bin" / "php").chmod(0o755)
    cloud.run("image", "import", str(root), "laravel")
    ecs, name = account.ecs, "prd-foo-ecs-{}".format
    ecs.create_cluster(clusterName=name("cluster"))
    ecs.register_task_definition(
        family=name("task-definition"), requiresCompatibilities=["FARGATE"], networkMode="awsvpc",
        cpu="256", memory="512", containerDefinitions=[
            {"name": "laravel-container", "image": "laravel", "command": ["sleep", "1000"], "stopTimeout": 2}
        ],
    )  # fmt: skip
    group = account.ec2.create_security_group(VpcId=place.vpc, GroupName="app", Description="app")["GroupId"]
    network = {"awsvpcConfiguration": {"subnets": [place.private, place.public], "securityGroups": [group]}}
    ecs.create_service(
        cluster=name("cluster"), serviceName=name("service"), taskDefinition=name("task-definition"),
        desiredCount=1, launchType="FARGATE", networkConfiguration=network,
    )  # fmt: skip

    def runs() -> bool:
        (found,) = ecs.describe_services(cluster=name("cluster"), services=[name("service")])["services"]
        return bool(found["runningCount"] == 1)

    until(runs, "the service runs")
    script = tmp_path / "run-task.sh"
    script.write_text(SCRIPT)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", str(script)], env={"PATH": path, "HOME": str(tmp_path)} | account.environment,
        capture_output=True, text=True, timeout=90,
    )  # fmt: skip
    assert done.returncode == 23, done.stdout + done.stderr
    assert "exitStatus 23" in done.stdout and '"lastStatus": "STOPPED"' in done.stdout
    ecs.delete_service(cluster=name("cluster"), service=name("service"), force=True)
