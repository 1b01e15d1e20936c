"""Managed prefix lists, and AWS's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.ids import hex_id
from cloudarium.services.ec2 import cidr, limits, tags, tokens
from cloudarium.services.ec2.api import api
from cloudarium.services.ec2.errors import combination, invalid, refuse
from cloudarium.services.ec2.filters import FilterSet
from cloudarium.services.ec2.lookup import check_id, not_found
from cloudarium.services.ec2.paging import page
from cloudarium.services.ec2.prefix_lists import all_prefix_lists, aws_lists, find_prefix_list
from cloudarium.services.ec2.resources import (
    ManagedPrefixList,
    PrefixListEntry,
    PrefixListVersion,
    RouteTable,
    SecurityGroupRule,
)

if TYPE_CHECKING:
    from types_boto3_ec2.type_defs import (
        CreateManagedPrefixListRequestTypeDef,
        DeleteManagedPrefixListRequestTypeDef,
        DescribeManagedPrefixListsRequestTypeDef,
        DescribePrefixListsRequestTypeDef,
        GetManagedPrefixListAssociationsRequestTypeDef,
        GetManagedPrefixListEntriesRequestTypeDef,
        ManagedPrefixListTypeDef,
        ModifyManagedPrefixListRequestTypeDef,
        RestoreManagedPrefixListVersionRequestTypeDef,
    )

FILTERS = FilterSet({"owner-id": "OwnerId", "prefix-list-id": "PrefixListId", "prefix-list-name": "PrefixListName"})
PLAIN_FILTERS = FilterSet({"prefix-list-id": "PrefixListId", "prefix-list-name": "PrefixListName"}, tags="")


def _view(ctx: Context, prefix_list: ManagedPrefixList, state: str = "") -> ManagedPrefixListTypeDef:
    owner = prefix_list.owner or ctx.account
    view: ManagedPrefixListTypeDef = {
        "PrefixListId": prefix_list.prefix_list_id,
        "AddressFamily": prefix_list.address_family,
        "State": state or prefix_list.state,  # type: ignore[typeddict-item]
        "PrefixListArn": (
            f"arn:aws:ec2:{ctx.region}:{owner.lower() if prefix_list.owner else owner}:"
            f"prefix-list/{prefix_list.prefix_list_id}"
        ),
        "PrefixListName": prefix_list.name,
        "Tags": tags.view(prefix_list.tags),
        "OwnerId": owner,
    }
    if not prefix_list.owner:
        view["MaxEntries"] = prefix_list.max_entries
        view["Version"] = prefix_list.version
    return view


def _entries(given: Any, family: str) -> list[PrefixListEntry]:
    found: dict[str, PrefixListEntry] = {}
    for each in given or ():
        block = _block(each["Cidr"], family)
        if block in found:
            raise invalid(f"The CIDR '{block}' appears more than once.")
        description = each.get("Description") or None
        if description is not None and len(description) > 255:
            raise invalid("The description of a prefix list entry is at most 255 characters long.")
        found[block] = PrefixListEntry(block, description)
    return list(found.values())


def _block(text: str, family: str) -> str:
    if family == "IPv6":
        return cidr.canonical_ipv6(text, f"The CIDR '{text}' is invalid for the address family IPv6.")
    return str(cidr.parse(text, f"The CIDR '{text}' is invalid for the address family IPv4."))


@api
def create_managed_prefix_list(ctx: Context, request: CreateManagedPrefixListRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateManagedPrefixList.html."""
    labels = tags.specified(ctx, request, "prefix-list")
    name, family, most = request["PrefixListName"], request["AddressFamily"], request["MaxEntries"]
    if name.startswith("com.amazonaws") or not 0 < len(name) <= 255:
        raise invalid(f"Value ({name}) for parameter prefixListName is invalid.")
    if family not in ("IPv4", "IPv6"):
        raise invalid(f"Value ({family}) for parameter addressFamily is invalid. Must be IPv4 or IPv6.")
    entries = _entries(request.get("Entries"), family)
    _check_size(len(entries), most)
    prefix_list = tokens.made_before(ctx, "CreateManagedPrefixList", request, ManagedPrefixList)
    if prefix_list is None:
        limits.check(
            ctx.table(ManagedPrefixList).count(ctx.scope) + 1,
            limits.PREFIX_LISTS,
            "PrefixListLimitExceeded",
            "The maximum number of prefix lists has been reached.",
        )
        prefix_list = ManagedPrefixList(
            prefix_list_id=hex_id("pl"),
            name=name,
            max_entries=most,
            versions=(PrefixListVersion(1, tuple(entries)),),
            address_family=family,
            tags=labels,
        )
        ctx.table(ManagedPrefixList).put(ctx.scope, prefix_list)
        tokens.remember(ctx, "CreateManagedPrefixList", request, prefix_list.prefix_list_id)
    return {"PrefixList": _view(ctx, prefix_list, "create-in-progress")}


def _check_size(count: int, most: int) -> None:
    if not 1 <= most <= limits.PREFIX_LIST_ENTRIES:
        raise invalid(f"Value ({most}) for parameter maxEntries is invalid.")
    if count > most:
        raise AwsError(
            "PrefixListMaxEntriesExceeded",
            "You've reached the maximum number of entries for the prefix list.",
        )


@api
def describe_managed_prefix_lists(ctx: Context, request: DescribeManagedPrefixListsRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeManagedPrefixLists.html."""
    ids = request.get("PrefixListIds") or []
    rows = [find_prefix_list(ctx, each) for each in ids] if ids else all_prefix_lists(ctx)
    views = [_view(ctx, row) for row in rows]
    return page(FILTERS.apply(views, request.get("Filters")), request, "PrefixLists", size=100)


@api
def describe_prefix_lists(ctx: Context, request: DescribePrefixListsRequestTypeDef) -> Answer:
    """AWS's own lists with their blocks.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribePrefixLists.html
    """
    rows = {each.prefix_list_id: each for each in aws_lists(ctx.region)}
    for wanted in request.get("PrefixListIds") or ():
        if wanted not in rows:
            check_id(ManagedPrefixList, wanted)
            raise not_found(ManagedPrefixList, wanted)
    kept = request.get("PrefixListIds") or list(rows)
    views = [
        {
            "Cidrs": [entry.cidr for entry in rows[each].entries],
            "PrefixListId": each,
            "PrefixListName": rows[each].name,
        }
        for each in kept
    ]
    return page(PLAIN_FILTERS.apply(views, request.get("Filters")), request, "PrefixLists")


@api
def get_managed_prefix_list_entries(ctx: Context, request: GetManagedPrefixListEntriesRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetManagedPrefixListEntries.html."""
    prefix_list = find_prefix_list(ctx, request["PrefixListId"])
    wanted = request.get("TargetVersion", prefix_list.version)
    entries = _version(prefix_list, wanted).entries
    views = [
        {"Cidr": entry.cidr, **({"Description": entry.description} if entry.description else {})} for entry in entries
    ]
    return page(views, request, "Entries", size=100)


def _version(prefix_list: ManagedPrefixList, number: int) -> PrefixListVersion:
    for version in prefix_list.versions:
        if version.version == number:
            return version
    raise invalid(f"The version {number} of the prefix list {prefix_list.prefix_list_id} does not exist.")


@api
def get_managed_prefix_list_associations(
    ctx: Context, request: GetManagedPrefixListAssociationsRequestTypeDef
) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetManagedPrefixListAssociations.html."""
    prefix_list = find_prefix_list(ctx, request["PrefixListId"])
    users = _users(ctx, prefix_list.prefix_list_id)
    views = [{"ResourceId": each, "ResourceOwner": ctx.account} for each in users]
    return page(views, request, "PrefixListAssociations")


def _users(ctx: Context, list_id: str) -> list[str]:
    """Ids of the security groups and route tables that name a list."""
    rules = ctx.table(SecurityGroupRule).find(ctx.scope, "prefix_list_id", list_id)
    found = [rule.group_id for rule in rules]
    for table in ctx.table(RouteTable).all(ctx.scope):
        if any(route.destination == list_id for route in table.routes):
            found.append(table.route_table_id)
    return list(dict.fromkeys(found))


def _own(ctx: Context, list_id: str) -> ManagedPrefixList:
    prefix_list = find_prefix_list(ctx, list_id)
    if prefix_list.owner:
        raise AwsError("UnauthorizedOperation", "You are not authorized to perform this operation.", 403)
    return prefix_list


@api
def modify_managed_prefix_list(ctx: Context, request: ModifyManagedPrefixListRequestTypeDef) -> Answer:
    """Changed entries make a new version; a new name or size does not.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyManagedPrefixList.html
    """
    refuse(request, "IpamPrefixListResolverSyncEnabled")
    prefix_list = _own(ctx, request["PrefixListId"])
    added, removed = request.get("AddEntries"), request.get("RemoveEntries")
    most = request.get("MaxEntries", prefix_list.max_entries)
    if (added or removed) and "MaxEntries" in request:
        raise combination(
            "You cannot modify the entries and the maximum entries for the prefix list in the same request."
        )
    changes: dict[str, Any] = {"name": request.get("PrefixListName", prefix_list.name), "state": "modify-complete"}
    entries = list(prefix_list.entries)
    if added or removed:
        if request.get("CurrentVersion") != prefix_list.version:
            raise AwsError(
                "PrefixListVersionMismatch" if "CurrentVersion" in request else "MissingParameter",
                "The prefix list has the incorrect version number."
                if "CurrentVersion" in request
                else "The request must contain the parameter CurrentVersion",
            )
        entries = _changed_entries(prefix_list, added, removed)
        version = PrefixListVersion(prefix_list.version + 1, tuple(entries))
        changes["versions"] = (*prefix_list.versions, version)
    _check_size(len(entries), most)
    changes["max_entries"] = most
    changed = prefix_list.replace(**changes)
    ctx.table(ManagedPrefixList).put(ctx.scope, changed)
    return {"PrefixList": _changing(ctx, prefix_list, changed, "modify-in-progress")}


def _changing(ctx: Context, old: ManagedPrefixList, new: ManagedPrefixList, state: str) -> ManagedPrefixListTypeDef:
    """The answer to a change: while it is in progress the old version is in force."""
    return {**_view(ctx, new, state), "Version": old.version}


def _changed_entries(prefix_list: ManagedPrefixList, added: Any, removed: Any) -> list[PrefixListEntry]:
    entries = {entry.cidr: entry for entry in prefix_list.entries}
    new = _entries(added, prefix_list.address_family)
    coming = {entry.cidr for entry in new}
    for each in removed or ():
        block = _block(each["Cidr"], prefix_list.address_family)
        if block in coming:
            raise invalid(
                f"Request cannot contain Cidr {block} in both AddPrefixListEntries and RemovePrefixListEntries"
            )
        if entries.pop(block, None) is None:
            raise invalid(f"The prefix list does not contain the entry {block}.")
    for entry in new:
        entries[entry.cidr] = entry
    return list(entries.values())


@api
def restore_managed_prefix_list_version(ctx: Context, request: RestoreManagedPrefixListVersionRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RestoreManagedPrefixListVersion.html."""
    prefix_list = _own(ctx, request["PrefixListId"])
    if request["CurrentVersion"] != prefix_list.version:
        raise AwsError("PrefixListVersionMismatch", "The prefix list has the incorrect version number.")
    old = _version(prefix_list, request["PreviousVersion"])
    version = PrefixListVersion(prefix_list.version + 1, old.entries)
    changed = prefix_list.replace(versions=(*prefix_list.versions, version), state="restore-complete")
    ctx.table(ManagedPrefixList).put(ctx.scope, changed)
    return {"PrefixList": _changing(ctx, prefix_list, changed, "restore-in-progress")}


@api
def delete_managed_prefix_list(ctx: Context, request: DeleteManagedPrefixListRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteManagedPrefixList.html."""
    prefix_list = _own(ctx, request["PrefixListId"])
    if _users(ctx, prefix_list.prefix_list_id):
        raise AwsError(
            "DependencyViolation",
            f"The prefix list '{prefix_list.prefix_list_id}' has dependencies and cannot be deleted.",
        )
    ctx.table(ManagedPrefixList).delete(ctx.scope, prefix_list.prefix_list_id)
    return {"PrefixList": _view(ctx, prefix_list, "delete-in-progress")}
