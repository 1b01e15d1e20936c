"""Rules of composite alarms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudarium.services.cloudwatch.alarms.composite import RuleError, parse

STATES = {"cpu": "ALARM", "disk": "OK", "net": "INSUFFICIENT_DATA", "a b": "ALARM", 'q"uote': "ALARM"}
ARN = "arn:aws:cloudwatch:us-east-1:111122223333:alarm:cpu"


def holds(rule: str) -> bool:
    """The rule against the states above."""
    return parse(rule).holds(lambda name: STATES.get(name.rpartition(":")[2]))


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("ALARM(cpu)", True),
        ("OK(cpu)", False),
        ("INSUFFICIENT_DATA(net)", True),
        ('ALARM("a b")', True),
        (f"ALARM({ARN})", True),
        (f'ALARM("{ARN}")', True),
        ('ALARM("q\\"uote")', True),
        ("ALARM(missing)", False),
        ("NOT ALARM(missing)", True),
        ("TRUE", True),
        ("FALSE OR TRUE", True),
        ("ALARM(cpu) AND OK(disk)", True),
        ("ALARM(cpu) AND ALARM(disk)", False),
        ("ALARM(disk) AND TRUE OR TRUE", True),
        ("ALARM(disk) AND (TRUE OR TRUE)", False),
        ("NOT (ALARM(disk) OR ALARM(net))", True),
        ("NOT NOT ALARM(cpu)", True),
        ("  ALARM( cpu )\n\tAND OK (disk) ", True),
        ("AT_LEAST(1, ALARM, (cpu, disk, net))", True),
        ("AT_LEAST(2, ALARM, (cpu, disk, net))", False),
        ("AT_LEAST(2, NOT ALARM, (cpu, disk, net))", True),
        ("AT_LEAST(50%, ALARM, (cpu, disk))", True),
        ("AT_LEAST(51%, ALARM, (cpu, disk))", False),
    ],
)
def test_rules(rule: str, expected: bool) -> None:
    """OR binds loosest, then AND, then NOT."""
    assert holds(rule) is expected


def test_children_are_named_in_order() -> None:
    """Each once."""
    rule = parse('ALARM(cpu) OR (OK("a b") AND AT_LEAST(1, ALARM, (disk, cpu)))')
    assert rule.children == ("cpu", "a b", "disk")


@pytest.mark.parametrize(
    "rule",
    ["", "ALARM", "ALARM(", "ALARM()", "ALARM(cpu", "ALARM(cpu))", "ALARM(cpu) OK(disk)", "MAYBE(cpu)", "AND TRUE",
     "TRUE AND", "NOT", "(TRUE", "ALARM(a, b)", "AT_LEAST(0, ALARM, (a))", "AT_LEAST(3, ALARM, (a, b))",
     "AT_LEAST(1, BAD, (a))", "AT_LEAST(x, ALARM, (a))", 'ALARM("open)', "(" * 5000 + "TRUE" + ")" * 5000,
     " OR ".join(f"ALARM(a{n})" for n in range(101))],
)  # fmt: skip
def test_bad_rules_say_where(rule: str) -> None:
    """Refused with words, at no great cost."""
    with pytest.raises(RuleError) as error:
        parse(rule)
    assert str(error.value)


@given(st.text(alphabet="ALRMOKNDTUE_\"'(),% abc\\", max_size=60))
def test_any_text_parses_or_is_refused(text: str) -> None:
    """And what parses can be asked."""
    try:
        rule = parse(text)
    except RuleError:
        return
    assert rule.holds(lambda name: "ALARM") in (True, False)
