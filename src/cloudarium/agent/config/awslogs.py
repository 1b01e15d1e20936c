"""``awslogs.conf``, the ini file of the older CloudWatch Logs agent.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AgentReference.html
"""

from __future__ import annotations

import codecs
import configparser
import re
from collections.abc import Mapping

from cloudarium.agent.config.encodings import awslogs_encoding
from cloudarium.agent.config.names import unknown_placeholder
from cloudarium.agent.config.plan import FilePlan, LogsPlan, Plan
from cloudarium.agent.config.problems import ConfigError
from cloudarium.agent.logs.events import compile_pattern
from cloudarium.agent.logs.globs import Glob
from cloudarium.agent.logs.timestamps import Timestamps

_GENERAL = {"state_file", "use_gzip_http_content_encoding", "aws_access_key_id", "aws_secret_access_key"}
_REFUSED = {
    "logging_config_file": "the agent's own log is not configurable",
    "proxy_url": "set HTTPS_PROXY instead",
}
_STREAM = {
    "log_group_name", "log_stream_name", "datetime_format", "time_zone", "file", "file_fingerprint_lines",
    "multi_line_start_pattern", "initial_position", "encoding", "buffer_duration", "batch_count", "batch_size",
}  # fmt: skip
_LONGEST = 262_144
"""Bytes of an event; longer ones are skipped, as documented for this agent."""


def parse(text: str, more: Mapping[str, str] | None = None) -> Plan:
    """The plan of a file, and of those in its ``config`` folder (``more``, by name), whose [general] does not count.

    Raises ConfigError.
    """
    problems: list[str] = []
    main = _read(text, "awslogs.conf", problems)
    general = dict(main["general"]) if main is not None and main.has_section("general") else {}
    for name in general:
        if name not in _GENERAL:
            reason = _REFUSED.get(name, "it is not an option of [general]")
            problems.append(f"[general] {name} is not supported: {reason}")
    gzip = _boolean(general.get("use_gzip_http_content_encoding", "true"))
    if gzip is None:
        problems.append("[general] use_gzip_http_content_encoding must be true or false")
    files: dict[str, FilePlan] = {}
    parsers = [main, *(_read(content, name, problems) for name, content in sorted((more or {}).items()))]
    for parser in parsers:
        for section in parser.sections() if parser is not None else ():
            if section == "general":
                continue
            if section in files:
                problems.append(f"[{section}] is there twice: names of sections must be unique")
                continue
            plan = _section(section, dict(parser[section]) if parser is not None else {}, problems)
            if plan is not None:
                files[section] = plan
    if not files and not problems:
        problems.append("there is no section that names a log file")
    if problems:
        raise ConfigError(problems)
    key, secret = general.get("aws_access_key_id"), general.get("aws_secret_access_key")
    logs = LogsPlan(tuple(files.values()), gzip=bool(gzip), state_file=general.get("state_file"))
    return Plan(logs=logs, credentials=(key, secret) if key and secret else None)


def _read(text: str, name: str, problems: list[str]) -> configparser.RawConfigParser | None:
    parser = configparser.RawConfigParser(default_section="\0", inline_comment_prefixes=None)
    try:
        parser.read_string(text, name)
    except configparser.Error as error:
        problems.append(str(error).replace("\n", " "))
        return None
    return parser


def _boolean(text: str) -> bool | None:
    return {"true": True, "false": False}.get(text.strip().lower())


def _section(name: str, given: Mapping[str, str], problems: list[str]) -> FilePlan | None:
    before = len(problems)

    def wrong(what: str) -> None:
        problems.append(f"[{name}] {what}")

    def number(option: str, default: int, least: int, most: int) -> int:
        value = given.get(option, str(default)).strip()
        if not re.fullmatch(r"\d{1,9}", value) or not least <= int(value) <= most:
            wrong(f"{option} must be a whole number from {least} to {most}")
            return default
        return int(value)

    for option in given:
        if option not in _STREAM:
            wrong(f"{option} is no option of a log stream")
    for option in ("file", "log_group_name", "log_stream_name"):
        if not given.get(option):
            wrong(f"{option} is required")
    for option in ("log_group_name", "log_stream_name"):
        if placeholder := unknown_placeholder(given.get(option, "")):
            wrong(f"{option}: {placeholder} is no placeholder")
    zone = given.get("time_zone", "LOCAL").upper()
    if zone not in ("LOCAL", "UTC"):
        wrong("time_zone must be LOCAL or UTC")
    position = given.get("initial_position", "start_of_file")
    if position not in ("start_of_file", "end_of_file"):
        wrong("initial_position must be start_of_file or end_of_file")
    encoding = awslogs_encoding(given.get("encoding", "utf_8"))
    if encoding is None:
        wrong(f"encoding {given['encoding']} is not one of Python's for text")
    fingerprint = _lines(given.get("file_fingerprint_lines", "1"))
    if fingerprint is None:
        wrong("file_fingerprint_lines must be a number or two, such as 1 or 2-5")
    form, start = given.get("datetime_format"), given.get("multi_line_start_pattern")
    if start == "{datetime_format}" and not form:
        wrong("multi_line_start_pattern {datetime_format} needs datetime_format")
    for option, attempt in (
        ("datetime_format", lambda: Timestamps(form, older_agent=True) if form else None),
        (
            "multi_line_start_pattern",
            lambda: compile_pattern(start) if start and start != "{datetime_format}" else None,
        ),
        ("file", lambda: Glob(given.get("file", "/"))),
    ):
        try:
            attempt()
        except ValueError as error:
            wrong(f"{option}: {error}")
    buffer = number("buffer_duration", 5000, 5000, 999_999_999)
    count = number("batch_count", 1000, 1, 10_000)
    size = number("batch_size", 32_768, 1, 1_048_576)
    if len(problems) > before:
        return None
    codec = codecs.lookup(encoding or "utf-8").name
    return FilePlan(
        path=given["file"], group=given["log_group_name"], stream=given["log_stream_name"], timestamp_format=form,
        utc=zone == "UTC", start_pattern=start, encoding=codec, from_end=position == "end_of_file",
        fingerprint_lines=fingerprint, flush_seconds=buffer / 1000, batch_events=count, batch_bytes=size,
        event_bytes=_LONGEST, skip_long=True, key=name,
    )  # fmt: skip


def _lines(text: str) -> tuple[int, int] | None:
    found = re.fullmatch(r"\s*(\d{1,4})\s*(?:-\s*(\d{1,4}))?\s*", text)
    if found is None:
        return None
    first = int(found[1])
    last = int(found[2]) if found[2] else first
    return (first, last) if 1 <= first <= last else None
