"""Who is behind an access key id.

    12 digits      the root user of that account
    ASIA…          a session that STS issued
    AKIA…          an IAM user, when somebody made one with such a key
    anything else  the root user of the default account

No signature is checked: whoever reaches the loopback port owns the cloud.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol
from weakref import WeakKeyDictionary

from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.identity import DEFAULT_ACCOUNT, SESSIONS, Principal, Session, root

if TYPE_CHECKING:
    from cloudarium.kernel.cloud import Cloud

_MAX_REMEMBERED = 10_000


class KeyOwner(NamedTuple):
    """An IAM user as its access key tells it."""

    account: str
    arn: str
    user_id: str
    user_name: str


class KeyOwners(Protocol):
    """Whoever keeps IAM's access keys."""

    @property
    def key_epoch(self) -> int:
        """A number that changes whenever a key may have come or gone; 0 while there cannot be any."""

    async def key_owner(self, access_key: str) -> KeyOwner | None:
        """The user whose active key this is."""


_owners: WeakKeyDictionary[Cloud, KeyOwners] = WeakKeyDictionary()
_remembered: WeakKeyDictionary[Cloud, tuple[int, dict[str, Principal]]] = WeakKeyDictionary()


def use_key_owners(cloud: Cloud, owners: KeyOwners) -> None:
    """Ask ``owners`` for IAM's access keys of this cloud."""
    _owners[cloud] = owners


def known_principal(cloud: Cloud, access_key: str) -> Principal | None:
    """The principal when it can be told without asking anybody, else None (then await ``principal_of``).

    Raises ``AwsError`` ExpiredToken or InvalidClientTokenId as AWS does.
    """
    if access_key.startswith("ASIA"):
        return _session_principal(cloud, access_key)
    if not access_key.startswith("AKIA"):
        account = access_key if len(access_key) == 12 and access_key.isdecimal() else DEFAULT_ACCOUNT
        return root(account, access_key)
    owners = _owners.get(cloud)
    if owners is None or (epoch := owners.key_epoch) == 0:
        return root(DEFAULT_ACCOUNT, access_key)
    remembered = _remembered.get(cloud)
    return remembered[1].get(access_key) if remembered is not None and remembered[0] == epoch else None


async def principal_of(cloud: Cloud, access_key: str) -> Principal:
    """The principal behind an access key id (see the module's docstring)."""
    known = known_principal(cloud, access_key)
    if known is not None:
        return known
    owners = _owners[cloud]
    epoch = owners.key_epoch
    owner = await owners.key_owner(access_key)
    if owner is None:
        principal = root(DEFAULT_ACCOUNT, access_key)
    else:
        principal = Principal("IAMUser", owner.account, owner.arn, owner.user_id, access_key, owner.user_name)
    remembered = _remembered.get(cloud)
    if remembered is None or remembered[0] != epoch or len(remembered[1]) > _MAX_REMEMBERED:
        remembered = _remembered[cloud] = (epoch, {})
    remembered[1][access_key] = principal
    return principal


def _session_principal(cloud: Cloud, access_key: str) -> Principal:
    session = cloud.store.table(Session).get(SESSIONS, access_key)
    if session is None:
        raise AwsError("InvalidClientTokenId", "The security token included in the request is invalid.", 403)
    if session.expires <= cloud.clock.now():
        raise AwsError("ExpiredToken", "The security token included in the request is expired", 403)
    return session.principal
