"""Names of public registries: ``public.ecr.aws/<alias>``. An account gets a random one, which stays."""

from __future__ import annotations

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.ids import hex_token
from cloudarium.services.ecr.resources import EVERYWHERE, Alias


def of(cloud: Cloud, account: str) -> str:
    """An account's alias, made when it has none yet."""
    table = cloud.store.table(Alias)
    found = table.find(EVERYWHERE, "account", account)
    if found:
        return found[0].alias
    alias = _fresh()
    while table.get(EVERYWHERE, alias) is not None:
        alias = _fresh()
    table.put(EVERYWHERE, Alias(alias=alias, account=account))
    return alias


def owner(cloud: Cloud, alias: str) -> str | None:
    """The account behind an alias."""
    found = cloud.store.table(Alias).get(EVERYWHERE, alias)
    return found.account if found is not None else None


def _fresh() -> str:
    # AWS's look like a1b2c3d4: letters and digits in turn.
    token = int(hex_token(16), 16)
    letters = []
    for _ in range(4):
        token, letter = divmod(token, 26)
        token, digit = divmod(token, 10)
        letters.append(f"{chr(ord('a') + letter)}{digit}")
    return "".join(letters)
