"""HTTP desync: how dangerous a request is, and what each mitigation mode does with it.

Classes, reasons and modes are those of
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html#desync-mitigation-mode
and of the access log's `classification` and `classification_reason`; what makes which reason is told by the library
that AWS classifies with, https://github.com/aws/http-desync-guardian.

              monitor    defensive     strictest
  Compliant   allowed    allowed       allowed
  Acceptable  allowed    allowed       blocked
  Ambiguous   allowed¹   allowed²      blocked
  Severe      allowed¹²  blocked       blocked

  ¹ The target gets the doubtful lines as they were received, and its connection is closed after the exchange: what it
    makes of them cannot fall on the next request. AWS tells nothing of either.
  ² Both connections are closed after the exchange. AWS does not say it of Severe requests in monitor mode; but where a
    client and we may disagree on where its request ends, nothing that follows can be trusted to be a request.

Blocked is a 400 and the end of the client's connection. What no mode lets pass is in `inspection`.

AWS's list of reasons for load balancers lacks those that http-desync-guardian finds when it parses a request itself
(MultilineHeader, MissingHeaderColon, MissingUri, NonCrLfLineTermination). They are classified as the library has them.
Its PartialHeaderLine and MissingLastEmptyLine are heads that have not ended, which are waited for until the timeout.
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


Verdict = tuple[Tier, str]
"""A class and the reason for it."""

COMPLIANT: Verdict = (Tier.COMPLIANT, "Compliant")

_WORST_ALLOWED = {
    DesyncMode.MONITOR: Tier.SEVERE,
    DesyncMode.DEFENSIVE: Tier.AMBIGUOUS,
    DesyncMode.STRICTEST: Tier.COMPLIANT,
}


def worst(*verdicts: Verdict) -> Verdict:
    """The first of the most severe."""
    return max(verdicts, key=lambda verdict: verdict[0])


def refuses(mode: DesyncMode, tier: Tier) -> bool:
    """Whether a request of this tier is answered 400 instead of being routed."""
    return tier > _WORST_ALLOWED[mode]


def isolates(mode: DesyncMode, tier: Tier) -> bool:
    """Whether the client's and the target's connection are closed after the exchange."""
    return tier >= (Tier.SEVERE if mode is DesyncMode.MONITOR else Tier.AMBIGUOUS)


def passes_as_received(mode: DesyncMode, tier: Tier) -> bool:
    """Whether the target gets the lines of the fields as they came, instead of what we make of them."""
    return mode is DesyncMode.MONITOR and tier >= Tier.AMBIGUOUS
