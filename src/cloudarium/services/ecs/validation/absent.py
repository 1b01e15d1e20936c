"""What a task definition can ask for on AWS and not here: refused by name, so that nothing is silently ignored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudarium.kernel.errors import NotThere

_TASK = {
    "proxyConfiguration": "proxyConfiguration (the App Mesh proxy)",
    "inferenceAccelerators": "inferenceAccelerators (Elastic Inference)",
    "trustedExecutionConfiguration": "trustedExecutionConfiguration",
}
_CONTAINER = {
    "credentialSpecs": "credentialSpecs (gMSA)",
    "dockerSecurityOptions": "dockerSecurityOptions",
    "resourceRequirements": "resourceRequirements (GPU and other devices)",
}
_VOLUME = {
    "efsVolumeConfiguration": "efsVolumeConfiguration (Amazon EFS volumes)",
    "fsxWindowsFileServerVolumeConfiguration": "fsxWindowsFileServerVolumeConfiguration (Amazon FSx volumes)",
    "s3filesVolumeConfiguration": "s3filesVolumeConfiguration (Amazon S3 Files volumes)",
}
LOG_DRIVERS = ("awslogs", "awsfirelens", "json-file")
"""Those whose logs arrive somewhere; json-file stays with the container."""


def check(request: Mapping[str, Any]) -> None:
    """Refuse by name what is not there."""
    for member, what in _TASK.items():
        if request.get(member):
            raise NotThere(what)
    if request.get("enableFaultInjection"):
        raise NotThere("enableFaultInjection")
    for member in ("pidMode", "ipcMode"):
        if request.get(member) == "host":
            raise NotThere(f"{member} 'host'")
    if "MANAGED_INSTANCES" in (request.get("requiresCompatibilities") or ()):
        raise NotThere("The launch type MANAGED_INSTANCES")
    system = (request.get("runtimePlatform") or {}).get("operatingSystemFamily") or "LINUX"
    if system != "LINUX":
        raise NotThere(f"The operating system family {system}")
    for volume in request.get("volumes") or ():
        _volume(volume)
    for container in request.get("containerDefinitions") or ():
        _container(container)


def _volume(volume: Mapping[str, Any]) -> None:
    for member, what in _VOLUME.items():
        if volume.get(member):
            raise NotThere(what)
    if volume.get("configuredAtLaunch"):
        raise NotThere("configuredAtLaunch (Amazon EBS volumes)")
    driver = (volume.get("dockerVolumeConfiguration") or {}).get("driver") or "local"
    if driver != "local":
        raise NotThere(f"The Docker volume driver '{driver}'")


def _container(container: Mapping[str, Any]) -> None:
    for member, what in _CONTAINER.items():
        if container.get(member):
            raise NotThere(what)
    if container.get("versionConsistency") == "enabled":
        raise NotThere("versionConsistency 'enabled' (each task resolves its images' tags by itself)")
    logs = container.get("logConfiguration") or {}
    driver = logs.get("logDriver")
    if driver is not None and driver not in LOG_DRIVERS:
        raise NotThere(f"The log driver '{driver}'")
    if logs.get("secretOptions") and driver != "awsfirelens":
        raise NotThere(f"secretOptions of the log driver '{driver}'")
