"""Making the kernel match plans. Runs in the fabric's worker thread only; every call blocks for milliseconds.

What is applied is remembered item by item as the kernel confirms it, so that a plan that fails half-way leaves an
exact account and the next attempt does the rest. A plan is applied as a difference: additions first, then removals,
so that a route or rule that changes is never missing in between.
"""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Iterable, Mapping
from itertools import groupby

import msgspec

from cloudarium.substrate.net import names, nft, ruleset
from cloudarium.substrate.net.errors import NetworkError
from cloudarium.substrate.net.kernel import carrier, namespaces, nftables, rtnl
from cloudarium.substrate.net.links import Address, Item, Neighbour, Plan, RouteEntry, Rule, Veth
from cloudarium.substrate.net.ruleset import Ruleset
from cloudarium.substrate.net.sites import Site, addition, ends_of, key_of, removal, site_of

log = logging.getLogger(__name__)

_GONE = frozenset({errno.ENOENT, errno.ESRCH, errno.ENODEV, errno.EADDRNOTAVAIL})
"""Answers to a removal that mean it is not there: with a link the kernel takes everything on it."""
_CLOUD_GROUPS = (names.CLOUD_INTERNET_GROUP, names.CLOUD_ENDPOINT_GROUP)
_FIRST_CLOUD_INDEX = 100_000


class Wanted(msgspec.Struct, frozen=True):
    """What one VPC should be in the kernel: its plan, and the rulesets of its sites. Empty: it should not be."""

    plan: Plan
    rulesets: Mapping[str, Ruleset]


class Outcome(msgspec.Struct):
    """What an application did: namespaces made (by site), file descriptors given up, errors by VPC."""

    made: dict[str, int]
    retired: list[int]
    errors: dict[str, Exception]


class Machine:
    """The kernel's side of a fabric, whose worker thread lives in the cloud's own namespace.

    File descriptors of namespaces are closed by the caller, on its own thread, since it may be using them there.
    """

    def __init__(self, service_address: str | None, service_network: str | None = None) -> None:
        self._service = service_address
        self._service_network = service_network
        self._home = namespaces.current()
        self._sites: dict[str, Site] = {names.CLOUD: Site(self._home, _FIRST_CLOUD_INDEX)}
        self._kept: dict[str, int] = {}
        """Namespaces that wait, by site, for their interface to be applied."""
        self._owners: dict[str, str] = {}
        self._items: dict[str, set[Item]] = {}
        self._rulesets: dict[str, Ruleset] = {}

    def start(self) -> None:
        """Prepare the cloud's namespace, clearing what a cloud that was here before may have left."""
        requests = [rtnl.link_up(rtnl.LOOPBACK)]
        if self._service is not None:
            requests.append(rtnl.address(rtnl.LOOPBACK, self._service))
        netlink = self._sites[names.CLOUD].netlink(self._home)
        netlink.batch([rtnl.delete_group(group) for group in _CLOUD_GROUPS])
        for answer in netlink.batch(requests):
            if answer.number:
                raise NetworkError(f"preparing the cloud's namespace: {answer}")
        nftables.load(nft.cloud_ruleset(self._service, self._service_network).text())

    def close(self) -> list[int]:
        """Delete the cloud's links and give up every namespace; returns the file descriptors."""
        requests = [rtnl.delete_group(group) for group in _CLOUD_GROUPS]
        if self._service is not None:
            requests.append(rtnl.address(rtnl.LOOPBACK, self._service, remove=True))
        self._sites[names.CLOUD].netlink(self._home).batch(requests)
        nftables.load(ruleset.EMPTY)
        retired = [*self._kept.values(), *(site.fd for site in self._sites.values())]
        self._kept.clear()
        for site in self._sites.values():
            site.quiet()
        self._sites.clear()
        return retired

    def keep(self, adopted: Mapping[str, int]) -> None:
        """Use existing namespaces, whose descriptors are the machine's from now on, when their sites are applied."""
        for name, fd in adopted.items():
            former = self._kept.pop(name, None)
            if former is not None:
                os.close(former)
            self._kept[name] = fd

    def localize(self, name: str, address: str, ruleset: str) -> None:
        """Give a site's loopback an address, and the site a ruleset of its own; nothing happens if it has both."""
        if name not in self._sites:
            raise NetworkError(f"{name} has no namespace (yet): apply its VPC first")
        site = self._sites[name]
        (answer,) = site.netlink(self._home).batch([rtnl.address(rtnl.LOOPBACK, address)])
        site.quiet()
        if answer.number not in (0, errno.EEXIST):
            raise NetworkError(f"adding {address} to {name}: {answer}")
        if ruleset:
            with namespaces.inside(site.fd, self._home):
                nftables.load(ruleset)

    def apply(self, wanted: Mapping[str, Wanted]) -> Outcome:
        """Make the VPCs as wanted. One VPC's failure does not keep the others from being applied.

        Links come before what stands on them in any VPC, because a peering's link is made by one of its two.
        """
        outcome = Outcome({}, [], {})
        for step in (self._make_sites, self._load, self._link, self._furnish, self._clear, self._retire):
            for vpc_id, one in wanted.items():
                if vpc_id in outcome.errors:
                    continue
                try:
                    step(vpc_id, one, outcome)
                except (NetworkError, OSError) as error:
                    log.warning("applying %s failed at %s: %s", vpc_id, step.__name__, error)
                    outcome.errors[vpc_id] = error
        for name, site in self._sites.items():
            # VPCs change often and are few; interfaces are many, and furnished once.
            if name in self._owners and name != names.vpc_site(self._owners[name]):
                site.quiet()
        return outcome

    # -- the steps -----------------------------------------------------------------------------------------------------

    def _make_sites(self, vpc_id: str, wanted: Wanted, outcome: Outcome) -> None:
        for name in wanted.plan.sites & self._kept.keys() & self._sites.keys():
            self._vacate(name, vpc_id, outcome)
        for name in wanted.plan.sites - self._sites.keys():
            kept = self._kept.pop(name, None)
            if kept is None:
                site = Site.make(self._home, is_vpc=name == names.vpc_site(vpc_id))
            else:
                try:
                    site = Site.adopt(kept, self._home)
                except BaseException:
                    os.close(kept)
                    raise
            self._sites[name] = site
            self._owners[name] = vpc_id
            outcome.made[name] = site.fd

    def _vacate(self, name: str, vpc_id: str, outcome: Outcome) -> None:
        """Give up a site's namespace, for which another one has been found."""
        applied = self._items.setdefault(vpc_id, set())
        self._unlink(applied, [item for item in applied if isinstance(item, Veth) and item.far.site == name])
        applied -= {item for item in applied if site_of(item) == name}
        self._give_up(name, outcome)

    def _give_up(self, name: str, outcome: Outcome) -> None:
        site = self._sites.pop(name)
        del self._owners[name]
        self._rulesets.pop(name, None)
        site.quiet()
        outcome.retired.append(site.fd)

    def _load(self, vpc_id: str, wanted: Wanted, outcome: Outcome) -> None:
        """Rules come before links, so that there is no moment in which a link is open."""
        for name, rules in wanted.rulesets.items():
            former = self._rulesets.pop(name, None)
            if former != rules:
                change = rules.change(former) if former is not None else None
                with namespaces.inside(self._sites[name].fd, self._home):
                    nftables.load(rules.text() if change is None else change)
            # What fails half-way is not remembered, so that the next attempt replaces the whole.
            self._rulesets[name] = rules

    def _link(self, vpc_id: str, wanted: Wanted, outcome: Outcome) -> None:
        applied = self._items.setdefault(vpc_id, set())
        new = [item for item in wanted.plan.items - applied if isinstance(item, Veth)]
        keys = {key_of(item) for item in new}
        rebuilt = [item for item in applied if isinstance(item, Veth) and key_of(item) in keys]
        self._unlink(applied, rebuilt)
        self._add(applied, new)
        for site, links in groupby(sorted((item.near.site, item.near.name) for item in new), key=lambda end: end[0]):
            with namespaces.inside(self._sites[site].fd, self._home):
                carrier.complete(link for _, link in links)

    def _furnish(self, vpc_id: str, wanted: Wanted, outcome: Outcome) -> None:
        applied = self._items[vpc_id]
        new = sorted(wanted.plan.items - applied, key=lambda item: (site_of(item), _rank(item)))
        self._add(applied, new)
        # The kernel replaced these in place: there is nothing left of them to remove.
        keys = {key_of(item) for item in new}
        replaced = {item for item in applied - wanted.plan.items if key_of(item) in keys}
        applied -= {item for item in replaced if isinstance(item, RouteEntry | Neighbour)}

    def _clear(self, vpc_id: str, wanted: Wanted, outcome: Outcome) -> None:
        applied = self._items[vpc_id]
        self._unlink(applied, [item for item in applied - wanted.plan.items if isinstance(item, Veth)])
        self._remove(applied, sorted(applied - wanted.plan.items, key=lambda item: (-_rank(item), site_of(item))))

    def _unlink(self, applied: set[Item], links: Iterable[Veth]) -> None:
        """Delete links with all that stands on them, those of a site together: each deletion waits for the kernel."""
        for name, group in groupby(sorted(links, key=site_of), key=site_of):
            doomed = list(group)
            if name in self._sites:
                requests = [request for item in doomed for _, request in removal(item, self._sites)]
                requests.append(rtnl.delete_group(names.DOOMED_GROUP))
                for answer in self._sites[name].netlink(self._home).batch(requests):
                    if answer.number not in (0, *_GONE):
                        raise NetworkError(f"removing links of {name}: {answer}")
            ends = {end for item in doomed for end in ends_of(item)}
            for site, link in ends:
                if site in self._sites:
                    self._sites[site].forget(link)
            applied -= {item for item in applied if ends_of(item) & ends}

    def _retire(self, vpc_id: str, wanted: Wanted, outcome: Outcome) -> None:
        for name in [n for n, owner in self._owners.items() if owner == vpc_id and n not in wanted.plan.sites]:
            self._give_up(name, outcome)
        if not wanted.plan.items:
            del self._items[vpc_id]

    # -- talking to the kernel -----------------------------------------------------------------------------------------

    def _add(self, applied: set[Item], items: Iterable[Item]) -> None:
        requests = [(site, request, item) for item in items for site, request in addition(item, self._sites)]
        failed: dict[Item, str] = {}
        for site, batch in groupby(requests, key=lambda entry: entry[0]):
            sent = list(batch)
            answers = self._sites[site].netlink(self._home).batch([request for _, request, _ in sent])
            for (_, _, item), answer in zip(sent, answers, strict=True):
                # Something left of an earlier attempt that failed half-way is as good as made.
                if answer.number not in (0, errno.EEXIST):
                    failed[item] = str(answer)
                elif item not in failed:
                    applied.add(item)
        applied -= failed.keys()
        if failed:
            item, why = next(iter(failed.items()))
            raise NetworkError(f"adding {item}: {why} ({len(failed)} failed)")

    def _remove(self, applied: set[Item], items: Iterable[Item]) -> None:
        listed = list(items)
        requests = [(site, request, item) for item in listed for site, request in removal(item, self._sites)]
        failed: dict[Item, str] = {}
        for site, batch in groupby(requests, key=lambda entry: entry[0]):
            sent = list(batch)
            answers = self._sites[site].netlink(self._home).batch([request for _, request, _ in sent])
            for (_, _, item), answer in zip(sent, answers, strict=True):
                if answer.number and answer.number not in _GONE:
                    failed[item] = str(answer)
        for item in listed:
            if item not in failed:
                applied.discard(item)
        if failed:
            item, why = next(iter(failed.items()))
            raise NetworkError(f"removing {item}: {why} ({len(failed)} failed)")


def _rank(item: Item) -> int:
    return _RANKS[type(item)]


_RANKS: dict[type, int] = {Veth: 0, Address: 1, Neighbour: 2, RouteEntry: 3, Rule: 4}
