"""Repository creation templates: repositories that nobody created, made when they are needed.

https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-creation-templates.html: the template with the longest
prefix that fits wins; ``ROOT`` fits every name that no other does.
"""

from __future__ import annotations

from cloudarium.kernel.context import Context
from cloudarium.kernel.store import Scope
from cloudarium.services.ecr import repositories
from cloudarium.services.ecr.resources import Repository, Template

ROOT = "ROOT"


def best(ctx: Context, scope: Scope, name: str, purpose: str) -> Template | None:
    """The template for a repository that is to be made for ``purpose``."""
    fitting = [
        each
        for each in ctx.table(Template).all(scope)
        if purpose in each.settings["appliedFor"] and (each.prefix == ROOT or starts(name, each.prefix))
    ]
    return max(fitting, key=lambda each: len(each.prefix) if each.prefix != ROOT else 0, default=None)


def starts(name: str, prefix: str) -> bool:
    """Whether a name is in a namespace: a ``/`` is assumed at the end of the prefix."""
    return name.startswith(prefix if prefix.endswith("/") else f"{prefix}/")


def create(ctx: Context, scope: Scope, name: str, purpose: str, *, always: bool = False) -> Repository | None:
    """Make a repository by its template; without one only if ``always``, with AWS's defaults."""
    template = best(ctx, scope, name, purpose)
    if template is None and not always:
        return None
    return repositories.create(ctx, scope, name, template.settings if template is not None else {})
