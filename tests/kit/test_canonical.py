"""One form for one value, however a system writes it down."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.kit.canonical import fields_of, many, moment, number, plain, text

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (5, 5),
        ("5.0", 5),
        (" 1.50 ", "1.5"),
        (Decimal("0.1"), "0.1"),
        (0.1, "0.1"),
        (1e21, 10**21),
        ("1e-7", "0.0000001"),
        (True, 1),
        ("-0", 0),
    ],
)
def test_a_number_is_told_exactly_and_shortly(value: object, told: object) -> None:
    assert number(value) == told


@pytest.mark.parametrize("value", ["", "five", "nan", "inf", "1e999999999", None, [1]])
def test_what_is_no_finite_number_is_none(value: object) -> None:
    assert number(value) is None


def test_texts_that_read_alike_are_one() -> None:
    assert text(" e\u0301tude\r\nline\r") == text("\u00e9tude\nline") == "\u00e9tude\nline"


def test_a_moment_is_told_in_utc_and_cut_not_rounded() -> None:
    there = datetime(2026, 1, 31, 12, 0, 0, 999_999, timezone(timedelta(hours=2)))
    assert moment(there) == moment(there.astimezone(UTC)) == "2026-01-31T10:00:00.999Z"
    assert moment(there, timespec="seconds") == "2026-01-31T10:00:00Z"
    assert moment(datetime(2026, 1, 31, 10)) == "2026-01-31T10:00:00.000Z"


def test_null_empty_and_absent_are_one() -> None:
    empty = {"a": None, "b": "", "c": [], "d": {}, "e": "  ", "f": {"g": None}}
    assert fields_of(empty, lambda name, value: plain(value)) == {}
    assert fields_of({"no": False, "zero": 0}, lambda name, value: plain(value)) == {"no": False, "zero": 0}


def test_several_values_have_no_order_and_a_document_has() -> None:
    assert plain(["b", "a", "b"]) == plain(("a", "b"))
    assert plain({"content": ["b", "a"]}) != plain({"content": ["a", "b"]})


@given(st.lists(st.text() | st.integers(-(2**53), 2**53)))
def test_the_order_of_many_values_never_shows(values: list[object]) -> None:
    assert many(values) == many(values[::-1])


@given(JSON)
def test_a_form_is_its_own_form_and_json(value: object) -> None:
    form = plain(value)
    assert plain(form) == form
    orjson.dumps(form)
