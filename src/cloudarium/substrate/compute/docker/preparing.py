"""Bringing about what a container needs of the engine before it can be created: image, network, files, labels."""

from __future__ import annotations

import os

import msgspec

from cloudarium.substrate.compute.docker.body import Place, create_body, hostname
from cloudarium.substrate.compute.docker.labels import FACTS, ID, NAMESPACE, OWNER, ROLE, Facts
from cloudarium.substrate.compute.docker.tools import Tools
from cloudarium.substrate.compute.errors import ComputeError
from cloudarium.substrate.compute.spec import ContainerSpec


async def prepare(spec: ContainerSpec, facts: Facts, tools: Tools, pid: str, ipc: str) -> Place:
    """Where the container goes; ``pid`` and ``ipc`` are the engine's ids of containers to share with.

    Completes ``facts``. What was made is undone by whoever deletes the container. Raises ComputeError, OSError.
    """
    # Refused before anything is made: the rest of the place does not matter for that.
    create_body(spec, Place(image="", pid=pid, ipc=ipc))
    _look_for_sources(spec)
    files = _write_files(spec, tools)
    image = spec.image or await tools.images.rootfs(spec.lowers)
    network = await _join(spec, facts, tools)
    labels = {
        **spec.labels,
        OWNER: tools.owner,
        ROLE: "container",
        ID: spec.id,
        NAMESPACE: str(facts.namespace),
        FACTS: msgspec.json.encode(facts).decode(),
    }
    named = network == "none" or tools.names_joined
    return Place(image=image, network=network, named=named, files=files, pid=pid, ipc=ipc, labels=labels)


def _look_for_sources(spec: ContainerSpec) -> None:
    for mount in spec.mounts:
        # Podman would make a folder.
        if mount.kind == "bind" and not os.path.exists(mount.source):
            raise ComputeError("failed", f"bind source path does not exist: {mount.source}")


def _write_files(spec: ContainerSpec, tools: Tools) -> dict[str, str]:
    folder = tools.root / spec.id
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    files = {}
    for content, name in ((spec.hosts, "hosts"), (spec.resolv_conf, "resolv.conf")):
        if content is not None:
            (folder / name).write_text(content)
            (folder / name).chmod(0o644)
            files[f"/etc/{name}"] = str(folder / name)
    return files


async def _join(spec: ContainerSpec, facts: Facts, tools: Tools) -> str:
    """The API's network mode, for a container in a network of the cloud's or in none."""
    if spec.host_network:
        network = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    elif spec.network is not None:
        network = os.dup(spec.network)
    else:
        return "none"
    try:
        # Known before there is a holder, so that it is let go of whatever happens.
        facts.namespace = os.fstat(network).st_ino
        return f"container:{await tools.networks.join(network, spec.id, hostname(spec))}"
    finally:
        os.close(network)
