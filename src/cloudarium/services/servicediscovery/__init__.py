"""AWS Cloud Map: names that follow instances, by API and by DNS.

Namespaces contain services, services contain instances; an instance is a set of attributes. What a namespace's DNS
answers (`dns`) is computed from the instances at the moment of the question, so it follows them at once.
"""

from __future__ import annotations

from cloudarium.kernel.service import Service

SERVICE = Service(
    "servicediscovery",
    operations="cloudarium.services.servicediscovery.operations",
    start="cloudarium.services.servicediscovery.start:start",
)
