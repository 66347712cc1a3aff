"""Filters that people write stay what they say when they are joined with our own clauses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.jira import jql
from connectors.kit.errors import Misconfigured


def test_a_filter_with_or_keeps_its_meaning_beside_other_clauses() -> None:
    query = jql.conjunction(['project = "DESK"', *jql.accept(["status = Done OR priority = High"])], "key ASC")
    assert query == 'project = "DESK" AND (status = Done OR priority = High) ORDER BY key ASC'


def test_an_empty_filter_is_no_clause() -> None:
    assert jql.accept(["", "  "]) == []


@pytest.mark.parametrize(
    "text",
    [
        "project = DESK ORDER BY key",
        "project = DESK order\n by key",
        "a = 1) OR (b = 2",
        "a in (1, 2",
        'summary ~ "open',
        "summary ~ 'open",
        ")(",
    ],
)
def test_a_filter_that_reaches_beyond_its_brackets_is_refused_with_a_hint(text: str) -> None:
    with pytest.raises(Misconfigured) as error:
        jql.accept([text])
    assert error.value.hint


@pytest.mark.parametrize(
    "text",
    [
        'summary ~ "order by"',
        'summary ~ "a ) b"',
        r'summary ~ "he said \"(\""',
        "labels = order AND reporter = by",
        "(a = 1 OR (b = 2)) AND issue in linkedIssues('DESK-1')",
    ],
)
def test_words_and_brackets_inside_of_quotes_are_no_language(text: str) -> None:
    assert jql.accept([text]) == [f"({text})"]


@given(st.text(), st.text())
def test_no_value_ends_its_own_quotes(value: str, other: str) -> None:
    clause = f"labels in ({jql.quote(value)}, {jql.quote(other)})"
    assert jql.accept([clause]) == [f"({clause.strip()})"]
