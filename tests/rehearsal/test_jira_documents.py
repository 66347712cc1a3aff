"""Documents of the Jira double: which are well formed, and plain text in and out of them."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.rehearsal.jira import adf
from tests.rehearsal.jira_calls import adf as document


def doc(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"type": "doc", "version": 1, "content": list(blocks)}


def node(kind: str, *content: dict[str, Any], **attrs: Any) -> dict[str, Any]:
    return {"type": kind, "content": list(content), **({"attrs": attrs} if attrs else {})}


def text(words: str, *marks: str) -> dict[str, Any]:
    made: dict[str, Any] = {"type": "text", "text": words}
    if marks:
        made["marks"] = [{"type": mark, **({"attrs": {"href": "x:y"}} if mark == "link" else {})} for mark in marks]
    return made


PARAGRAPH = node("paragraph", text("x"))


@pytest.mark.parametrize(
    "block",
    [
        node("paragraph"),
        node("heading", text("h"), level=2),
        node("codeBlock", text("x = 1"), language="python"),
        node("blockquote", PARAGRAPH),
        node("bulletList", node("listItem", PARAGRAPH, node("orderedList", node("listItem", PARAGRAPH)))),
        node("panel", PARAGRAPH, panelType="info"),
        node("table", node("tableRow", node("tableHeader", PARAGRAPH), node("tableCell", PARAGRAPH))),
        node("paragraph", text("a", "strong", "em"), {"type": "hardBreak"}, text("b", "code", "link")),
        node("paragraph", {"type": "mention", "attrs": {"id": "712020:1", "text": "@one"}}),
        node("mediaSingle", {"type": "media", "attrs": {"type": "external", "url": "https://example.com/a.png"}}),
        {"type": "rule"},
    ],
)
def test_a_well_formed_document_is_taken(block: dict[str, Any]) -> None:
    adf.measure(doc(block))


@pytest.mark.parametrize(
    "block",
    [
        node("paragraph", text("")),
        node("paragraph", text("x", "blink")),
        node("paragraph", text("x", "code", "strong")),
        node("paragraph", text("x", "strong", "strong")),
        node("paragraph", {"type": "text", "text": "x", "marks": [{"type": "link"}]}),
        node("paragraph", {"type": "mention", "attrs": {}}),
        node("paragraph", PARAGRAPH),
        node("heading", text("h"), level=7),
        node("heading", text("h")),
        node("codeBlock", text("x", "strong")),
        node("bulletList", PARAGRAPH),
        node("listItem", PARAGRAPH),
        node("bulletList", node("listItem", node("bulletList", node("listItem", PARAGRAPH)))),
        node("table", node("tableCell", PARAGRAPH)),
        node("panel"),
        {"type": "rule", "content": [PARAGRAPH]},
        {"type": "paragraph", "content": "x"},
        {"content": []},
    ],
)
def test_a_malformed_document_is_refused(block: dict[str, Any]) -> None:
    with pytest.raises(adf.BadDocument):
        adf.measure(doc(block))


def test_depth_is_no_danger() -> None:
    nested = node("listItem", PARAGRAPH)
    for _ in range(5_000):
        nested = node("listItem", PARAGRAPH, node("bulletList", nested))
    assert adf.measure(doc(node("bulletList", nested))) == 5_001


def _nodes(inner: Any) -> Any:
    kinds = st.sampled_from(sorted(adf.CHILDREN))
    return st.fixed_dictionaries({"type": kinds}, optional={"content": inner, "attrs": inner, "marks": inner})


@given(st.recursive(st.none() | st.text(max_size=3) | st.integers(), lambda inner: st.lists(inner) | _nodes(inner)))
def test_no_input_breaks_the_check(anything: Any) -> None:
    with contextlib.suppress(adf.BadDocument):
        assert adf.measure({"type": "doc", "version": 1, "content": [anything]}) >= 0


@given(st.lists(st.lists(st.text("aбα字 *{}<^", min_size=1, max_size=9), min_size=1), max_size=4))
def test_plain_text_survives_the_way_in_and_out(blocks: list[list[str]]) -> None:
    plain = "\n\n".join("\n".join(lines) for lines in blocks)
    made = adf.from_text(plain)
    assert adf.measure(made) == sum(len(line) for lines in blocks for line in lines)
    assert adf.to_text(made) == plain


def test_length_counts_characters_of_text() -> None:
    assert adf.measure(document("шест", "🙂")) == 5
