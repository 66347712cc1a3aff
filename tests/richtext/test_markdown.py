from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.richtext import TextError, adf, html_reader, markdown_reader, markdown_writer, plain

SCRAPS = (
    "a¦b¦ ¦\n¦\n\n¦*¦**¦_¦`¦``¦```¦~~¦[¦]¦(¦)¦<¦>¦#¦- ¦1. ¦> ¦|¦---¦\\¦&amp;¦&#32;¦&nbsp;¦!¦http://x.y¦[a](http://x.y)"
    "¦\t¦    ¦é¦=¦+¦x|y\n---|---\n¦$¦word¦😀¦1)¦:--¦\n- ¦\n  ¦&¦&copy;¦'¦\"¦.¦<b>¦\u00a0¦*a*¦**b**¦`c`"
    "¦[*a* b](http://x.y/?a=1&amp=2)"
)
PIECES = st.sampled_from(SCRAPS.split("¦"))
MARKDOWN = st.lists(PIECES, max_size=40).map("".join)


def settled(markdown: str) -> str:
    return markdown_writer.write(markdown_reader.read(markdown))


@settings(deadline=None, max_examples=400)
@given(MARKDOWN | st.text(max_size=120))
def test_markdown_is_stable_after_the_first_pass(check_adf: Any, markdown: str) -> None:
    check_adf(markdown_reader.read(markdown))
    once = settled(markdown)
    assert settled(once) == once


@settings(deadline=None, max_examples=150)
@given(
    st.lists(
        st.sampled_from(["<b>", "</b>", "<i>", "</i>", " ", "a", "*", "<p>", "<li>", "<ul>", "</ul>", "<br>", "1."])
    )
)
def test_the_text_of_any_document_survives_markdown(check_adf: Any, pieces: list[str]) -> None:
    doc = html_reader.read("".join(pieces))
    back = markdown_reader.read(markdown_writer.write(doc))
    check_adf(back)
    assert plain.write(back).split() == plain.write(doc).split()


def test_formatting_comes_through() -> None:
    text = (
        "# T\n\na **b** *c* ~~d~~ `e` [f](https://x.example/1)\\\ng\n\n- h\n- i\n  - j\n\n3. k\n\n4. l\n\n> q\n\n"
        "```sql\nselect 1\n```\n\n---\n\n| x | y |\n| --- | --- |\n| 1 | 2\\|3 |"
    )
    assert settled(text) == text


def test_html_in_markdown_is_text() -> None:
    doc = markdown_reader.read("a <script>alert(1)</script>")
    assert doc["content"][0]["content"] == [{"type": "text", "text": "a <script>alert(1)</script>"}]


def test_an_unsafe_link_leaves_its_text() -> None:
    assert plain.write(markdown_reader.read("[click](javascript:alert(1)) [b](/nav_to.do)")).endswith("b")
    assert "marks" not in str(markdown_reader.read("[b](/nav_to.do)"))


def test_emphasis_that_markdown_cannot_say_goes_and_the_text_stays() -> None:
    doc = html_reader.read('<p>a<b>"b"</b>c</p>')
    assert settled(markdown_writer.write(doc)) == 'a"b"c'


def test_blanks_at_the_edge_of_bold_words_stand_outside() -> None:
    assert markdown_writer.write(html_reader.read("<b>bold </b>word")) == "**bold** word"


def test_a_second_list_right_after_the_first_stays_a_second_list() -> None:
    doc = html_reader.read("<ul><li>a</ul><ul><li>b</ul><ul><li>c</ul>")
    assert markdown_reader.read(markdown_writer.write(doc)) == doc


def test_markdown_nested_beyond_reason_is_refused_and_not_cut() -> None:
    with pytest.raises(TextError, match="nested too deeply"):
        markdown_reader.read(">" * 500 + " lost?")


def test_a_panel_becomes_a_quote() -> None:
    panel = {"type": "panel", "attrs": {"panelType": "note"}, "content": [{"type": "paragraph", "content": []}]}
    panel["content"][0]["content"] = [{"type": "text", "text": "mind"}]  # type: ignore[index]
    assert markdown_writer.write(adf.read({"type": "doc", "version": 1, "content": [panel]})) == "> mind"
