"""CSV of lookup tables: what is read of it, what is refused, and that nothing hostile costs much."""

from __future__ import annotations

import csv
import io
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudarium.services.logs.lookups.csvs import MOST_COLUMNS, BadCsv, count, header, records, rows, written

_VALUES = st.text(st.sampled_from('ab,"\n\r =;ü\u2028'), max_size=6)


def table(text: str) -> list[list[str]]:
    return list(rows(text, header(text)))


@pytest.mark.parametrize(
    ("text", "names", "found"),
    [
        ("a,b\n1,2\n", ["a", "b"], [["1", "2"]]),
        ("a,b\r\n1,2", ["a", "b"], [["1", "2"]]),
        ("\ufeffa\n1\n", ["a"], [["1"]]),
        ("a,b\n\n,\n\r\n", ["a", "b"], [["", ""]]),
        ('"a","b c"\n"x,y","say ""hi"""\n', ["a", "b c"], [["x,y", 'say "hi"']]),
        ('a,b\n"two\nlines",\r\n3,"4"\r\n', ["a", "b"], [["two\nlines", ""], ["3", "4"]]),
        ('a,b\n5" pipe,"x"', ["a", "b"], [['5" pipe', "x"]]),
        ("a\n=cmd|' /C calc'!A0\n", ["a"], [["=cmd|' /C calc'!A0"]]),
        ("a,b\n", ["a", "b"], []),
        (" a ,b\n 1 ,2\n", [" a ", "b"], [[" 1 ", "2"]]),
    ],
)
def test_what_is_read(text: str, names: list[str], found: list[list[str]]) -> None:
    assert list(header(text)) == names and table(text) == found
    assert count(text) == (tuple(names), len(found))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "must include a header"),
        ("\n\r\n", "must include a header"),
        ("\ufeff", "must include a header"),
        ('"a', "record 1 is never closed"),
        ('a,b\n1,"2\n3,4\n', "record 2 is never closed"),
        ('a\n"x"y\n', "Record 2 has something after a closing quote"),
        ("a,b\n1\n", "Row 1 has 1 values, but the header row has 2 columns"),
        ("a,b\n1,2\n1,2,3\n", "Record 3 has more than 2 values"),
        ('a\n"1",2\n', "Record 2 has more than 1 values"),
        ("a,b,a", "'a' more than once"),
        ("a, ,b", "Column 2 of the header row has no name"),
        ("a\n\0\n", "NUL"),
    ],
)
def test_what_is_no_table(text: str, words: str) -> None:
    with pytest.raises(BadCsv, match=re.escape(words)):
        count(text)


def test_a_table_may_be_wide_but_not_too_wide() -> None:
    names = [f"c{n}" for n in range(MOST_COLUMNS)]
    assert count(",".join(names) + "\n") == (tuple(names), 0)
    with pytest.raises(BadCsv, match="more than 1000"):
        count(",".join([*names, "one"]))


@pytest.mark.parametrize("text", [",", '"",', 'a"b,', '""', "x\r", '"x"\n'])
def test_reading_stops_at_the_first_thing_that_is_wrong(text: str) -> None:
    """Ten megabytes in one line: a record is never longer than it may be."""
    hostile = "a\n" + text * (10_000_000 // len(text))
    if text == "x\r":
        # One value: a carriage return alone ends nothing.
        assert count(hostile) == (("a",), 1)
    elif text == '""':
        # One pair of quotes, and nothing but doubled ones between them.
        assert table(hostile) == [['"' * (len(hostile[2:]) // 2 - 1)]]
    elif text == '"x"\n':
        assert count(hostile)[1] == 2_500_000
    else:
        with pytest.raises(BadCsv, match="Record 2 has more than 1 values"):
            count(hostile)


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 4).flatmap(lambda width: st.lists(st.lists(_VALUES, min_size=width, max_size=width), max_size=5)))
def test_what_is_written_is_read_again(found: list[list[str]]) -> None:
    if not found:
        return
    names = [f"n{n}" for n in range(len(found[0]))]
    text = written(names, found)
    assert table(text) == found
    assert table(text.replace("\n", "\r\n")) == [[value.replace("\n", "\r\n") for value in row] for row in found]


@settings(max_examples=500, deadline=None)
@given(st.text(st.sampled_from('a,"\n\r\0ü'), max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    """And what Python's strict reader takes as a table is the same table here."""
    try:
        names, many = count(text)
    except BadCsv:
        return
    found = table(text)
    assert len(found) == many and all(len(row) == len(names) for row in found)
    assert len(set(names)) == len(names)
    if "\r" in text.replace("\r\n", ""):
        # Python ends a line at a carriage return alone.
        return
    try:
        theirs = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except csv.Error:
        return
    assert [list(names), *found] == theirs


def test_records_are_made_one_at_a_time() -> None:
    found = records("a\n1\n" + '"', 1)
    assert next(found) == ["a"] and next(found) == ["1"]
    with pytest.raises(BadCsv):
        next(found)
