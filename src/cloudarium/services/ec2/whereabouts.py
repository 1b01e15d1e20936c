"""In which account and region a VPC is: DNS queries come with its id alone, and often."""

from __future__ import annotations

from cloudarium.kernel.store import Scope, Store
from cloudarium.services.ec2.resources import Vpc


class Whereabouts:
    """Every VPC's scope, kept up to date."""

    def __init__(self, store: Store) -> None:
        self._scopes = {vpc.vpc_id: scope for scope, vpc in store.table(Vpc).everywhere()}
        store.table(Vpc).watch(self._changed)

    def _changed(self, scope: Scope, key: str, old: Vpc | None, new: Vpc | None) -> None:
        if new is None:
            self._scopes.pop(key, None)
        else:
            self._scopes[key] = scope

    def scope(self, vpc_id: str) -> Scope | None:
        """Where a VPC lives; None when there is no such VPC."""
        return self._scopes.get(vpc_id)
