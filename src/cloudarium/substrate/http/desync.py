"""HTTP desync: how dangerous a request is, and what each mitigation mode does with it.

Classes, reasons and modes are those of
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html#desync-mitigation-mode
and of the access log's `classification` and `classification_reason`. One deviation: AWS's monitor mode lets Severe
requests through; here they are refused in every mode, because their end cannot be known.
"""

from enum import IntEnum, StrEnum


class Tier(IntEnum):
    """How far a request is from RFC 7230, and how dangerous that is."""

    COMPLIANT = 0
    ACCEPTABLE = 1
    AMBIGUOUS = 2
    SEVERE = 3

    @property
    def label(self) -> str:
        """As the access log writes it."""
        return self.name.capitalize()


class DesyncMode(StrEnum):
    """The load balancer attribute routing.http.desync_mitigation_mode."""

    MONITOR = "monitor"
    DEFENSIVE = "defensive"
    STRICTEST = "strictest"


def refuses(mode: DesyncMode, tier: Tier) -> bool:
    """Whether a request of this tier is answered 400 instead of being routed."""
    return tier is Tier.SEVERE or (mode is DesyncMode.STRICTEST and tier is not Tier.COMPLIANT)


def isolates(mode: DesyncMode, tier: Tier) -> bool:
    """Whether the client's and the target's connection are closed after the exchange."""
    return mode is DesyncMode.DEFENSIVE and tier is Tier.AMBIGUOUS
