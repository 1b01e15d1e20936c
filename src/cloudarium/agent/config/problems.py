"""What is wrong with a configuration, all of it at once, each with the place it stands at."""

from __future__ import annotations


class ConfigError(Exception):
    """A configuration that is not run. ``problems`` are lines for ``configuration-validation.log``."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def under(path: str, error: str) -> str:
    """One problem in the words of the agent's own validator."""
    return f"Under path : {path or '/'} | Error : {error}"
