"""AWS::EC2::PrefixList."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cloudarium.services.cloudformation.kinds.ec2.base import Ec2Kind, block, changed
from cloudarium.services.cloudformation.kinds.kind import NeedsReplacement, Work


class PrefixList(Ec2Kind):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-prefixlist.html."""

    type = "AWS::EC2::PrefixList"
    noun, plural, listed = "prefix-list", "managed_prefix_lists", "PrefixLists"
    id_name = "PrefixListId"

    async def create(self, work: Work) -> str:
        """EC2 knows a repeated attempt by its token."""
        answer = await work.ctx.aws.ec2.create_managed_prefix_list(
            PrefixListName=work.properties["PrefixListName"],
            AddressFamily=work.properties["AddressFamily"],
            MaxEntries=_size(work.properties),
            Entries=work.properties.get("Entries") or [],
            ClientToken=work.token,
            **self.labels(work),
        )
        return str(answer["PrefixList"]["PrefixListId"])

    async def update(self, work: Work) -> None:
        """Entries and size take calls of their own: room is made before it is filled, and taken when it is empty."""
        if changed(work, "AddressFamily"):
            raise NeedsReplacement
        ec2, list_id = work.ctx.aws.ec2, work.physical_id
        now, size, name = await self.shown(work), _size(work.properties), work.properties["PrefixListName"]
        if now["PrefixListName"] != name:
            await ec2.modify_managed_prefix_list(PrefixListId=list_id, PrefixListName=name)
        if size > now["MaxEntries"]:
            await ec2.modify_managed_prefix_list(PrefixListId=list_id, MaxEntries=size)
        await self._change_entries(work, now["Version"])
        if size < now["MaxEntries"]:
            await ec2.modify_managed_prefix_list(PrefixListId=list_id, MaxEntries=size)

    async def _change_entries(self, work: Work, version: int) -> None:
        has = _by_block(await self._entries(work))
        wanted = _by_block(work.properties.get("Entries") or ())
        new = [entry for cidr, entry in wanted.items() if has.get(cidr) != entry]
        gone = [{"Cidr": cidr} for cidr in has if cidr not in wanted]
        if new or gone:
            parameters = {"AddEntries": new, "RemoveEntries": gone}
            await work.ctx.aws.ec2.modify_managed_prefix_list(
                PrefixListId=work.physical_id,
                CurrentVersion=version,
                **{name: value for name, value in parameters.items() if value},
            )

    async def _entries(self, work: Work) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        page: dict[str, Any] = {}
        while True:
            answer = await work.ctx.aws.ec2.get_managed_prefix_list_entries(PrefixListId=work.physical_id, **page)
            found += answer["Entries"]
            if not answer.get("NextToken"):
                return found
            page = {"NextToken": answer["NextToken"]}

    async def attributes(self, work: Work) -> dict[str, Any]:
        """As EC2 describes it."""
        found = await self.shown(work)
        return {
            "Arn": found["PrefixListArn"],
            "OwnerId": found["OwnerId"],
            "PrefixListId": work.physical_id,
            "Version": found["Version"],
        }

    async def remove(self, work: Work) -> None:
        """Once no rule and no route names it."""
        await work.ctx.aws.ec2.delete_managed_prefix_list(PrefixListId=work.physical_id)


def _size(properties: Mapping[str, Any]) -> int:
    """How many entries it may have: as many as it has where the template does not say."""
    return int(properties.get("MaxEntries") or max(1, len(properties.get("Entries") or ())))


def _by_block(entries: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    found = {}
    for entry in entries:
        cidr = block(entry["Cidr"])
        described = {"Description": entry["Description"]} if entry.get("Description") else {}
        found[cidr] = {"Cidr": cidr, **described}
    return found
