"""Blocks of addresses out of a larger one: ``Fn::Cidr``.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-cidr.html
"""

from __future__ import annotations

import ipaddress

from cloudarium.services.cloudformation.template.errors import TemplateError

MOST_BLOCKS = 256


def blocks(block: str, count: int, bits: int) -> list[str]:
    """The first ``count`` blocks within ``block``, each of which leaves ``bits`` for its hosts."""
    try:
        whole = ipaddress.ip_network(block)
    except ValueError:
        raise TemplateError(f"Template error: Fn::Cidr: {block[:100]} is not a valid CIDR block") from None
    if not 1 <= count <= MOST_BLOCKS:
        raise TemplateError(f"Template error: Fn::Cidr: count must be between 1 and {MOST_BLOCKS}, not {count}")
    prefix = whole.max_prefixlen - bits
    if not whole.prefixlen <= prefix <= whole.max_prefixlen or count > 1 << (prefix - whole.prefixlen):
        raise TemplateError(f"Template error: Fn::Cidr: {count} blocks with {bits} bits do not fit into {block}")
    first = int(whole.network_address)
    made = type(whole.network_address)
    return [f"{made(first + (index << bits))}/{prefix}" for index in range(count)]
