"""What is unusual about patterns: the five kinds of anomalies that ``anomaly`` reports.

AWS says which kinds there are, not how they are found nor how the fields of results are called. Here they are found by
counting patterns in parts of the time range and by looking at what is in their tokens; fields are called as in the
structure Anomaly of the API. Everything is a pure function of what DuckDB has counted.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Anomaly.html and
https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_Anomaly.html
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from statistics import median
from typing import NamedTuple

from cloudarium.services.logs.insights.compile import templates
from cloudarium.services.logs.insights.compile.sql import literal
from cloudarium.services.logs.insights.patterns import Cluster, grouped, words_of

BUCKETS = 48
"""Parts of the time range in which patterns are counted."""
MOST_FORMS = 5_000
_ENOUGH = 20
"""Events below which nothing is said of what is usual."""
_NUMBERS = 30
"""Numbers of a line that are looked at."""
_SCORES = {
    "NewPattern": 0.5, "PatternFrequency": 0.5, "TokenVariation": 0.3, "NumericalToken": 0.4, "HttpErrorCode": 0.7,
}  # fmt: skip
_GRAVE = frozenset({"Fatal", "Critical", "Error"})


class Line(NamedTuple):
    """How often a form of lines came in a bucket, and when first (milliseconds); ``sample`` is a line of the form."""

    form: int
    template: str
    sample: str
    bucket: int
    first: int
    times: int


class Number(NamedTuple):
    """The numbers at one place of a form's lines. ``errors`` and ``all`` count by bucket: 400 to 599, and any."""

    form: int
    place: int
    times: int
    quartiles: Sequence[float]
    largest: float
    time: int
    sample: str
    statuses: int
    errors: dict[int, int]
    all: dict[int, int]


class Anomaly(NamedTuple):
    """Something unusual about a pattern. ``time`` is when it began; ``score`` is from 0 to 1."""

    pattern: str
    current: int
    ratio: float
    severity: str | None
    type: str
    time: int
    description: str
    priority: str
    score: float
    samples: str


TABLE = (
    "pattern VARCHAR, current BIGINT, ratio DOUBLE, severity VARCHAR, type VARCHAR, time BIGINT, description VARCHAR, "
    "priority VARCHAR, score DOUBLE, samples VARCHAR"
)
"""Columns of ``Anomaly`` in SQL."""


def counted(name: str, window: tuple[int, int]) -> tuple[list[str], str, str]:
    """Statements to run over the table ``{name}_lines`` (text, form, time), then what finds ``Line`` and ``Number``."""
    start, end = window
    length = max(end - start + 1, 1)
    bucket = f"least(greatest(CAST((time - {start}) * {BUCKETS} // {length} AS BIGINT), 0), {BUCKETS - 1})"
    forms = (
        f"CREATE TEMP TABLE {name}_forms AS SELECT row_number() OVER (ORDER BY count(*) DESC, form) AS number, form, "
        f"min(text) AS sample FROM {name}_lines GROUP BY form ORDER BY count(*) DESC, form LIMIT {MOST_FORMS}"
    )
    by_bucket = f"SELECT form, {bucket} AS bucket, min(time) AS first, count(*) AS n FROM {name}_lines GROUP BY ALL"
    lines = (
        f"SELECT number, {templates.template('sample')}, sample, bucket, first, n "
        f"FROM {name}_forms JOIN ({by_bucket}) USING (form) ORDER BY 1, 4"
    )
    every = f"regexp_extract_all({templates.without_ids('text')}, {literal(templates.NUMBER)})"
    values = (
        f"SELECT number, text, time, {bucket} AS bucket, unnest(found) AS found, "
        "unnest(range(1, len(found) + 1)) AS place FROM "
        f"(SELECT *, list_slice({every}, 1, {_NUMBERS}) AS found FROM {name}_lines JOIN {name}_forms USING (form))"
    )
    numbers = (
        "SELECT number, place, count(*), quantile_cont(v, [0.25, 0.5, 0.75]), max(v), arg_max(time, v), "
        "arg_max(text, v), count(*) FILTER (v BETWEEN 100 AND 599 AND v = floor(v)), "
        "histogram(bucket) FILTER (v BETWEEN 400 AND 599), histogram(bucket) "
        f"FROM (SELECT *, TRY_CAST(found AS DOUBLE) AS v FROM ({values})) WHERE isfinite(v) "
        f"GROUP BY number, place HAVING count(*) >= {_ENOUGH} ORDER BY 1, 2"
    )
    return [forms], lines, numbers


def anomalies(
    lines: Sequence[Line], numbers: Iterable[Number], check: Callable[[], None] = lambda: None
) -> list[Anomaly]:
    """Everything unusual, in no particular order. ``check`` is called every now and then, and may raise."""
    weights: Counter[str] = Counter()
    for line in lines:
        weights[line.template] += line.times
    counted = ((template, times, 0) for template, times in weights.most_common())
    patterns = [_Pattern(cluster, members) for cluster, members in grouped(counted, check)]
    of_template = {template: pattern for pattern in patterns for template in pattern.members}
    of_form: dict[int, tuple[_Pattern, str]] = {}
    for line in lines:
        pattern = of_template[line.template]
        pattern.take(line)
        of_form[line.form] = pattern, line.sample
    times: Counter[int] = Counter()
    for line in lines:
        times[line.bucket] += line.times
    buckets = sorted(times)
    before = dict(zip(buckets, accumulate((times[bucket] for bucket in buckets), initial=0), strict=False))
    found: list[Anomaly] = []
    for pattern in patterns:
        check()
        found += pattern.new(before, buckets) or pattern.frequency(buckets)
        found += pattern.variation(weights)
    for number in numbers:
        check()
        pattern, sample = of_form[number.form]
        if number.place - 1 not in _within_times(sample):
            found += pattern.status(number) if number.statuses == number.times else pattern.number(number)
    return found


class _Pattern:
    """A pattern and where it was found."""

    def __init__(self, cluster: Cluster, members: Sequence[str]) -> None:
        self.cluster = cluster
        self.members = members
        self.counts: Counter[int] = Counter()
        self.firsts: dict[int, tuple[int, str]] = {}

    def take(self, line: Line) -> None:
        self.counts[line.bucket] += line.times
        first = line.first, line.sample
        self.firsts[line.bucket] = min(self.firsts.get(line.bucket, first), first)

    def new(self, before: Mapping[int, int], buckets: list[int]) -> list[Anomaly]:
        """Not seen in the first half of the time in which there were events, of which there were enough by then.

        ``before`` is how many there were before each bucket.
        """
        begin = min(self.counts)
        if before[begin] < _ENOUGH or begin * 2 <= buckets[0] + buckets[-1]:
            return []
        time, sample = self.firsts[begin]
        return [self._made("NewPattern", time, "This pattern was not seen earlier in the time range", sample)]

    def frequency(self, buckets: list[int]) -> list[Anomaly]:
        """Far more often in one part of the time than usual."""
        counts = [self.counts[bucket] for bucket in range(buckets[0], buckets[-1] + 1)]
        if len(counts) < 6 or sum(counts) < _ENOUGH:
            return []
        usual = median(counts)
        spread = max(1.4826 * median(abs(count - usual) for count in counts), max(usual, 1.0) ** 0.5)
        most = max(counts)
        if most < 10 or most <= usual + 6 * spread:
            return []
        time, sample = self.firsts[buckets[0] + counts.index(most)]
        text = f"This pattern was found {most} times in a part of the time in which {usual:g} times are usual"
        return [self._made("PatternFrequency", time, text, sample)]

    def variation(self, weights: Counter[str]) -> list[Anomaly]:
        """A word that is nearly always the same, and is another one for once."""
        if len(self.members) < 2:
            return []
        total = sum(weights[member] for member in self.members)
        found = []
        for place in zip(*(words_of(member) for member in self.members), strict=True):
            values: Counter[str] = Counter()
            for word, member in zip(place, self.members, strict=True):
                values[word] += weights[member]
            (usual, often), *_, (rare, seldom) = values.most_common() if len(values) > 1 else [("", 0), ("", 0)]
            if total >= _ENOUGH and often >= 0.95 * total and seldom <= 0.05 * total:
                member = next(each for word, each in zip(place, self.members, strict=True) if word == rare)
                text = f"{rare!r} was found {seldom} times where {usual!r} is usual"
                found.append(self._made("TokenVariation", min(self.firsts.values())[0], text, member))
        return found

    def number(self, number: Number) -> list[Anomaly]:
        """A number far above those that are usual at its place."""
        first, middle, third = number.quartiles
        spread = max(third - first, 0.05 * abs(middle), 1e-9)
        if number.largest <= third + 10 * spread:
            return []
        text = f"{number.largest:g} was found where {first:g} to {third:g} are usual"
        return [self._made("NumericalToken", number.time, text, number.sample)]

    def status(self, number: Number) -> list[Anomaly]:
        """HTTP errors in one part of the time that are much more frequent than in the others."""
        every, wrong = sum(number.all.values()), sum(number.errors.values())
        for bucket, errors in sorted(number.errors.items()):
            here, elsewhere = number.all[bucket], every - number.all[bucket]
            share, usual = errors / here, (wrong - errors) / elsewhere if elsewhere else 0.0
            if errors >= 5 and elsewhere >= _ENOUGH and share >= 0.2 and share >= 5 * usual:
                text = f"{errors} of {here} responses in a part of the time are HTTP errors; {usual:.1%} are usual"
                time, sample = self.firsts.get(bucket, (number.time, number.sample))
                return [self._made("HttpErrorCode", time, text, sample)]
        return []

    def _made(self, kind: str, time: int, description: str, sample: str) -> Anomaly:
        cluster = self.cluster
        score = min(1.0, _SCORES[kind] + (0.3 if cluster.severity in _GRAVE else 0.0))
        priority = "HIGH" if score >= 0.75 else "MEDIUM" if score >= 0.5 else "LOW"
        return Anomaly(
            cluster.pattern, cluster.current, cluster.ratio, cluster.severity, kind, time, description, priority, score,
            sample,
        )  # fmt: skip


def _within_times(sample: str) -> set[int]:
    """Which of a line's numbers are parts of times or addresses."""
    line = re.sub(f"{templates.UUID}|{templates.ID}", "#", sample)
    spans = [found.span() for pattern in templates.COMPOSED for found in re.finditer(pattern, line)]
    return {
        place
        for place, found in enumerate(re.finditer(templates.NUMBER, line))
        if any(start <= found.start() and found.end() <= end for start, end in spans)
    }
