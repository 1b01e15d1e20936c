"""IAM's resource types."""

from __future__ import annotations

from cloudarium.services.cloudformation.kinds.iam import access, identities, policies

KINDS = {kind.type: kind for kind in (*identities.KINDS, *policies.KINDS, *access.KINDS)}
