"""Documents in their normal form: what Jira rewrites is no difference, what a person rewrites is."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from connectors.jira.document import normal
from connectors.rehearsal.jira import adf
from connectors.rehearsal.jira.rewriting import rewritten

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60)
MARK = st.sampled_from(["strong", "em", "strike", "underline"]).map(lambda kind: {"type": kind})
MARKS = st.lists(MARK, max_size=3, unique_by=lambda mark: str(mark["type"]))
TEXT = st.builds(lambda text, marks: {"type": "text", "text": text} | ({"marks": marks} if marks else {}), WORDS, MARKS)
MENTION = WORDS.map(lambda id: {"type": "mention", "attrs": {"id": id, "text": "@somebody"}})
INLINE = TEXT | st.just({"type": "hardBreak"}) | MENTION
PARAGRAPH = st.lists(INLINE, max_size=4).map(lambda inner: {"type": "paragraph", "content": inner})
HEADING = st.builds(
    lambda level, inner: {"type": "heading", "attrs": {"level": level}, "content": inner},
    st.integers(1, 6),
    st.lists(TEXT, max_size=2),
)
CODE = WORDS.map(lambda text: {"type": "codeBlock", "content": [{"type": "text", "text": text}]})


def _list(kind: str, items: list[Any]) -> dict[str, Any]:
    return {"type": kind, "content": [{"type": "listItem", "content": [item]} for item in items]}


def _table(cells: list[Any]) -> dict[str, Any]:
    row = {"type": "tableRow", "content": [{"type": "tableCell", "attrs": {}, "content": [cell]} for cell in cells]}
    return {"type": "table", "content": [row]}


ITEMS = st.lists(PARAGRAPH, min_size=1, max_size=3)
LIST = st.builds(_list, st.sampled_from(["bulletList", "orderedList"]), ITEMS)
BLOCK = PARAGRAPH | HEADING | CODE | LIST | ITEMS.map(_table)
DOCUMENT = st.lists(BLOCK, max_size=5).map(lambda blocks: {"type": "doc", "version": 1, "content": blocks})


@given(DOCUMENT)
def test_what_the_editor_rewrites_is_no_difference(document: dict[str, Any]) -> None:
    adf.measure(document)  # the site takes it
    assert normal(rewritten(document)) == normal(document)
    assert normal(rewritten(rewritten(document))) == normal(document)


@given(DOCUMENT)
def test_a_normal_form_is_its_own_normal_form(document: dict[str, Any]) -> None:
    form = normal(document)
    assert form is None or normal(form) == form


@given(DOCUMENT, WORDS)
def test_words_that_came_or_went_are_a_difference(document: dict[str, Any], words: str) -> None:
    longer = copy.deepcopy(document)
    longer["content"].append({"type": "paragraph", "content": [{"type": "text", "text": words}]})
    assert normal(longer) != normal(document)
    shorter = copy.deepcopy(longer)
    shorter["content"][-1]["content"][0]["text"] = words[:-1] or "."
    assert words == shorter["content"][-1]["content"][0]["text"] or normal(shorter) != normal(longer)


def test_another_mark_link_level_or_person_is_a_difference() -> None:
    def document(node: dict[str, Any]) -> dict[str, Any]:
        return {"type": "doc", "version": 1, "content": [node]}

    def text(*marks: dict[str, Any]) -> dict[str, Any]:
        return {"type": "paragraph", "content": [{"type": "text", "text": "x", "marks": list(marks)}]}

    def link(href: str) -> dict[str, Any]:
        return {"type": "link", "attrs": {"href": href}}

    variants = [
        text(),
        text({"type": "strong"}),
        text(link("https://a.example")),
        text(link("https://b.example")),
        {"type": "heading", "attrs": {"level": 1}, "content": [{"type": "text", "text": "x"}]},
        {"type": "heading", "attrs": {"level": 2}, "content": [{"type": "text", "text": "x"}]},
        {"type": "paragraph", "content": [{"type": "mention", "attrs": {"id": "a"}}]},
        {"type": "paragraph", "content": [{"type": "mention", "attrs": {"id": "b"}}]},
    ]
    forms = [normal(document(node)) for node in variants]
    assert all(forms.count(form) == 1 for form in forms)


def test_an_empty_document_is_empty() -> None:
    assert normal({"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": []}]}) is None
    assert normal({"type": "doc", "version": 1}) is None
