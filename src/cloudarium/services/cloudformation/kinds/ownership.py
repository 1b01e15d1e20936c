"""Whose is what is there: a stack takes up what an interrupted attempt of its own has made, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping

from cloudarium.services.cloudformation.kinds.kind import Work

_STACK_ID = "aws:cloudformation:stack-id"
_LOGICAL_ID = "aws:cloudformation:logical-id"


def is_mine(work: Work, tags: Mapping[str, str]) -> bool:
    """Whether these are tags of this very resource of this very stack."""
    return tags.get(_STACK_ID) == work.stack_id and tags.get(_LOGICAL_ID) == work.logical_id
