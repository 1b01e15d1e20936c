"""What can be wrong with a template, in CloudFormation's words, and what a template alone cannot tell."""

from __future__ import annotations


class TemplateError(Exception):
    """A template, or what it was given, that CloudFormation refuses; the text is AWS's ValidationError."""


class Missing(LookupError):
    """Something that only the outside knows. Whoever resolves finds it, puts it into the values and tries again."""

    def __init__(self, kind: str, key: str) -> None:
        super().__init__(f"{kind} {key}")
        self.kind = kind
        """``zones`` (key: a region), ``import`` (an export's name), ``ssm``, ``ssm-secure``, ``secretsmanager`` (the
        whole dynamic reference) or ``resource`` (the logical id of one that is not made yet)."""
        self.key = key


def not_built(what: str) -> TemplateError:
    """Refuse by name what AWS has and the cloud does not."""
    return TemplateError(f"{what} is not implemented in Cloudarium yet.")


def too_deep(levels: int) -> TemplateError:
    """Refuse what is nested deeper than anything that a person writes."""
    return TemplateError(f"Template format error: maps and lists are nested more than {levels} levels deep.")
