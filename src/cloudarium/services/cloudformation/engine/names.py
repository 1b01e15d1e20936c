"""Names and tokens that are the same on every attempt, because they follow from what is stored."""

from __future__ import annotations

import hashlib

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def token(stack_id: str, logical_id: str, generation: int, action: str, stage: str) -> str:
    """32 characters for one action on one resource; a creation's does not depend on the operation's phase."""
    about = f"{stack_id} {logical_id} {generation} {action} {'' if action == 'create' else stage}"
    return hashlib.sha256(about.encode()).hexdigest()[:32]


def physical_name(stack_id: str, stack_name: str, logical_id: str, generation: int) -> str:
    """``<stack>-<logical id>-<12 characters>``.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-name.html
    """
    number = int.from_bytes(hashlib.sha256(f"{stack_id} {logical_id} {generation}".encode()).digest())
    unique = ""
    for _ in range(12):
        number, letter = divmod(number, len(_LETTERS))
        unique += _LETTERS[letter]
    return f"{stack_name}-{logical_id}-{unique}"
