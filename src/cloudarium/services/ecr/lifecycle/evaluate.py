"""What a lifecycle policy does to the images of a repository. Pure: rules, images and the time in, decisions out.

AWS's rules (https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html), which this follows:

- All rules are evaluated at the same time, whatever their priority; then they are applied in the order of priority.
- An image is touched by exactly one or no rule. One whose tags an earlier rule asks for is that rule's alone: a later
  rule does not mark it, also where the earlier one lets it stay.
- A later rule still counts such an image as if it were there. So a rule that keeps two images keeps the two youngest
  that it selects, whoever decides about them.
- Images go oldest first: by when they were pushed, or archived for ``sinceImageTransitioned``.
- A rule with several prefixes or patterns selects images that have, for each of them, a tag that matches.
- An image that a manifest list refers to stays while the list is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from cloudarium.services.ecr.lifecycle.policy import Rule
from cloudarium.services.ecr.wildcards import matches

DAY = 86_400.0


class Candidate(NamedTuple):
    """An image as the evaluator sees it. Times are cloud seconds, 0 for never."""

    digest: str
    tags: tuple[str, ...]
    pushed: float
    pulled: float = 0.0
    storage_class: str = "standard"
    archived: float = 0.0
    activated: float = 0.0
    referenced: bool = False
    """Whether a manifest list refers to it."""


class Verdict(NamedTuple):
    """What happens to an image, by which rule."""

    image: Candidate
    action: str
    priority: int


def evaluate(rules: Sequence[Rule], images: Iterable[Candidate], now: float) -> list[Verdict]:
    """The images that go, and why: earlier rules first, older images first."""
    everything = list(images)
    decided: set[str] = set()
    verdicts = []
    for rule in sorted(rules, key=lambda each: each.priority):
        selected = [image for image in everything if selects(rule, image)]
        for image in _marked(rule, selected, now):
            if image.digest not in decided and not image.referenced:
                verdicts.append(Verdict(image, rule.action, rule.priority))
        decided.update(image.digest for image in selected)
    return verdicts


def selects(rule: Rule, image: Candidate) -> bool:
    """Whether a rule is about an image at all."""
    if image.storage_class != rule.storage_class:
        return False
    if rule.tag_status == "untagged":
        return not image.tags
    if rule.tag_status == "any":
        return True
    return all(any(tag.startswith(prefix) for tag in image.tags) for prefix in rule.prefixes) and all(
        any(matches(tag, pattern) for tag in image.tags) for pattern in rule.patterns
    )


def _marked(rule: Rule, selected: list[Candidate], now: float) -> list[Candidate]:
    """Those of the images it selects that a rule would have go, oldest first."""
    order = "archived" if rule.count_type == "sinceImageTransitioned" else "pushed"
    found = sorted(selected, key=lambda image: float(getattr(image, order)))
    if rule.count_type == "imageCountMoreThan":
        return found[: max(0, len(found) - rule.count)]
    before = now - rule.count * DAY
    return [image for image in found if _since(rule.count_type, image) <= before]


def _since(count_type: str, image: Candidate) -> float:
    """From when an image's days are counted."""
    if count_type == "sinceImagePushed":
        return image.pushed
    if count_type == "sinceImageTransitioned":
        return image.archived
    # Never pulled counts from the push, and an image restored from the archive from then on at the earliest.
    return max(image.pulled or image.pushed, image.activated)
