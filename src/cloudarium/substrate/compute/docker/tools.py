"""What a runtime needs of its engine, together: the API, the images and the networks of one owner."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import NamedTuple

from cloudarium.substrate.compute.docker.api import Api
from cloudarium.substrate.compute.docker.engine import Engine
from cloudarium.substrate.compute.docker.images import EngineImages
from cloudarium.substrate.compute.docker.networks import Host, Networks


class Tools(NamedTuple):
    """Made when an engine was found."""

    api: Api
    images: EngineImages
    networks: Networks
    owner: str
    """By what this cloud's containers are told from others'."""
    root: Path
    names_joined: bool
    """See ``Engine``."""


def make_tools(path: str, engine: Engine, root: Path, host: Host | None) -> Tools:
    """For the engine found at ``path``; the owner is made with the first, and kept in ``root``. Raises OSError."""
    file = root / "owner"
    if not file.exists():
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        scratch = file.with_suffix(".new")
        scratch.write_text(uuid.uuid4().hex)
        scratch.replace(file)
    owner = file.read_text()
    api = Api(path, engine.version)
    images = EngineImages(api, owner, root)
    return Tools(api, images, Networks(api, owner, images, host), owner, root, engine.names_joined)


def was_used(root: Path) -> bool:
    """Whether an earlier runtime may have left something."""
    return (root / "owner").exists()
