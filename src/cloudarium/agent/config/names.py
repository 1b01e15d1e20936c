"""Names of log groups and streams: placeholders and defaults."""

from __future__ import annotations

import re
from collections.abc import Mapping

PLACEHOLDERS = ("instance_id", "hostname", "local_hostname", "ip_address", "date", "aws_region")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def unknown_placeholder(name: str) -> str | None:
    """The first placeholder in a name that means nothing."""
    return next((found[0] for found in _PLACEHOLDER.finditer(name) if found[1] not in PLACEHOLDERS), None)


def resolve(name: str, values: Mapping[str, str]) -> str:
    """A name with its placeholders filled in. A colon or an asterisk cannot stand in a stream's name."""
    return _PLACEHOLDER.sub(lambda found: values[found[1]], name)


def default_group(path: str) -> str:
    """The group of a file without one: its path up to the last dot, without characters that no group may have."""
    folder, slash, name = path.rpartition("/")
    stem = name.rpartition(".")[0] or name
    return re.sub(r"[^a-zA-Z0-9_\-/.#]", "_", folder + slash + stem)


def multi_stream(stream: str, path: str) -> str:
    """The stream of one of several files (``publish_multi_logs``): the stream's name and the file's path."""
    return f"{stream}_{re.sub(r'[/:* ]', '_', path)}"
