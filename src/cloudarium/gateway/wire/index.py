"""From what a request shows (signing name, host, target prefix, API version) to the services it may mean.

Opening every model to find out would take seconds, so the answers are kept in ``signing_names.json``, made by
``tools/regenerate_signing_names.py``. A service that a newer botocore adds is read from its model when needed.
"""

from __future__ import annotations

import functools
from pathlib import Path

import msgspec

from cloudarium.gateway.wire import models


class Row(msgspec.Struct, array_like=True, frozen=True):
    """What one service can be recognized by."""

    signing_name: str
    endpoint_prefix: str
    target_prefix: str
    api_version: str
    protocols: tuple[str, ...]


class Index:
    """The table, looked up from each side; services whose own name is asked for come first."""

    def __init__(self, rows: dict[str, Row]) -> None:
        self.rows = rows
        self.by_signing_name: dict[str, list[str]] = {}
        self.by_endpoint: dict[str, list[str]] = {}
        self.by_target: dict[str, list[str]] = {}
        self.by_version: dict[str, list[str]] = {}
        for name, row in rows.items():
            _add(self.by_signing_name, row.signing_name, name)
            _add(self.by_endpoint, row.endpoint_prefix, name)
            _add(self.by_endpoint, name, name)
            if row.target_prefix:
                _add(self.by_target, row.target_prefix, name)
            if "query" in row.protocols or "ec2" in row.protocols:
                _add(self.by_version, row.api_version, name)


def _add(table: dict[str, list[str]], key: str, name: str) -> None:
    names = table.setdefault(key, [])
    if name in names:
        return
    if name == key:
        names.insert(0, name)
    else:
        names.append(name)


def row_of(model: models.ServiceModel) -> Row:
    """The row of a service."""
    metadata = model.metadata
    return Row(
        model.signing_name,
        metadata.endpoint_prefix,
        metadata.target_prefix or "",
        metadata.api_version,
        tuple(model.protocols),
    )


@functools.cache
def index() -> Index:
    """The index over every service botocore has."""
    table = msgspec.json.decode(Path(__file__).with_name("signing_names.json").read_bytes(), type=dict[str, Row])
    present = models.service_names()
    rows = {name: row for name, row in table.items() if name in present}
    for name in sorted(present - table.keys()):
        if models.model_file(name) is not None:
            rows[name] = row_of(models.load(name))
    return Index(rows)
