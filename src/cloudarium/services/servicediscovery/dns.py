"""What the DNS of a namespace answers, from its instances at the moment of the question.

Private namespaces are known inside their VPC, public ones everywhere. A service's name gives the values of up to eight
healthy instances (MULTIVALUE) or of one (WEIGHTED), picked at random; when none is healthy, all are, as Route 53 does.
An SRV record names ``<instance>.<service>.<namespace>``, whose address is the instance's.

https://docs.aws.amazon.com/cloud-map/latest/api/API_DnsConfig.html
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from cloudarium.kernel.store import Scope, Store
from cloudarium.services.servicediscovery.attributes import ALIAS, CNAME, IPV4, IPV6, PORT
from cloudarium.services.servicediscovery.resources import Instance, MapService, Namespace, instance_key

_MOST_VALUES = 8
_ATTRIBUTE = {"A": IPV4, "AAAA": IPV6, "CNAME": CNAME}


class MapNames:
    """A name server (see ``Cloud.name_servers``) for every namespace."""

    def __init__(self, store: Store) -> None:
        self._namespaces = store.table(Namespace)
        self._services = store.table(MapService)
        self._instances = store.table(Instance)

    def __call__(self, vpc_id: str, name: str, kind: str) -> list[str] | None:
        """Records of a name asked for inside a VPC; None for names of no namespace."""
        found = self._namespace(vpc_id, name)
        if found is None:
            return None
        scope, namespace = found
        if name == namespace.dns_name:
            return []
        for service in self._services.find(scope, "full_name", name):
            if service.namespace_id == namespace.id and not service.http_only:
                return self._of_service(scope, service, kind)
        return self._of_instance(scope, namespace, name, kind)

    def _namespace(self, vpc_id: str, name: str) -> tuple[Scope, Namespace] | None:
        """The namespace with the longest name that ``name`` ends with."""
        labels = name.split(".")
        for start in range(len(labels)):
            domain = ".".join(labels[start:])
            for scope in self._namespaces.scopes():
                for namespace in self._namespaces.find(scope, "dns_name", domain):
                    if namespace.kind == "DNS_PUBLIC" or namespace.vpc_id == vpc_id:
                        return scope, namespace
        return None

    def _of_service(self, scope: Scope, service: MapService, kind: str) -> list[str] | None:
        instances = self._instances.find(scope, "service_id", service.id)
        if service.custom_health:
            instances = [each for each in instances if each.health == "HEALTHY"] or instances
        types = {record.type for record in service.records}
        if not instances or not types:
            return None if not instances else []
        if any(ALIAS in each.attributes for each in instances):
            instances = [random.choice(instances)]
            if ALIAS in instances[0].attributes:
                # The resolver follows the alias and answers with the load balancer's own addresses.
                return [instances[0].attributes[ALIAS].rstrip(".") + "."] if kind == "CNAME" else []
        if kind not in types:
            return []
        if kind == "SRV":
            values = [f"1 1 {each.attributes[PORT]} {each.id}.{service.full_name}." for each in instances]
        else:
            values = [each.attributes[_ATTRIBUTE[kind]] for each in instances if _ATTRIBUTE[kind] in each.attributes]
        return _picked(values, 1 if service.routing_policy == "WEIGHTED" else _MOST_VALUES)

    def _of_instance(self, scope: Scope, namespace: Namespace, name: str, kind: str) -> list[str] | None:
        """The target of an SRV record."""
        instance_id, _, service_name = name.partition(".")
        while service_name and service_name != namespace.dns_name:
            for service in self._services.find(scope, "full_name", service_name):
                found = self._instances.get(scope, instance_key(service.id, instance_id))
                if found is not None and any(record.type == "SRV" for record in service.records):
                    attribute = _ATTRIBUTE.get(kind, "")
                    return [found.attributes[attribute]] if attribute in found.attributes else []
            more, _, service_name = service_name.partition(".")
            instance_id += f".{more}"
        return None


def _picked(values: Sequence[str], most: int) -> list[str]:
    different = list(dict.fromkeys(values))
    return random.sample(different, min(most, len(different)))
