from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.richtext import TextError, plain
from engine.richtext.text import INPUT_LIMIT, clean, safe_link, shorten

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\n\n\t "), max_size=300)


def test_a_blank_line_parts_paragraphs_and_a_newline_is_a_hard_break() -> None:
    doc = plain.read("one\ntwo\n\nthree")
    assert doc["content"] == [
        {
            "type": "paragraph",
            "content": [{"type": "text", "text": "one"}, {"type": "hardBreak"}, {"type": "text", "text": "two"}],
        },
        {"type": "paragraph", "content": [{"type": "text", "text": "three"}]},
    ]


_WORDS = st.sampled_from(["\n", "\n\n", '"', "\\", ",", "{", "}", "n", '{"type":"text","text":""}', "é", "🙂", "\t"])


@settings(deadline=None, max_examples=500)
@given(st.lists(_WORDS | st.text(max_size=3), max_size=12).map("".join))
def test_the_json_of_a_document_is_what_its_nodes_encode_to(text: str) -> None:
    paragraphs = []
    for part in clean(text).split("\n\n"):
        lines = [[{"type": "text", "text": line}] if line else [] for line in part.split("\n")]
        content = [node for line in lines for node in ({"type": "hardBreak"}, *line)][1:]
        paragraphs.append({"type": "paragraph", "content": content})
    doc = {"type": "doc", "version": 1, "content": paragraphs if clean(text) else []}
    assert plain.encode(text) == orjson.dumps(doc)


def test_markup_in_plain_text_stays_text() -> None:
    text = "<b>*not* [bold](http://x.y)</b>"
    assert plain.read(text)["content"][0]["content"] == [{"type": "text", "text": text}]


@settings(deadline=None, max_examples=300)
@given(ANY_TEXT)
def test_plain_text_comes_back_as_it_was(check_adf: Any, text: str) -> None:
    text = "".join(letter for letter in text if letter not in "\ufffe\uffff")
    doc = plain.read(text)
    check_adf(doc)
    assert plain.write(doc) == text


@settings(deadline=None)
@given(st.text(st.characters() | st.sampled_from("\r\n\x00\ud800"), max_size=100))
def test_any_text_at_all_makes_a_document_and_settles(check_adf: Any, text: str) -> None:
    doc = plain.read(text)
    check_adf(doc)
    assert plain.read(plain.write(doc)) == doc


def test_windows_newlines_nul_and_lone_surrogates_are_mended() -> None:
    assert plain.write(plain.read("a\r\nb\rc\x00\ud800d")) == "a\nb\ncd"


def test_right_to_left_text_and_emoji_are_kept() -> None:
    text = "שלום \u200fעולם 👩‍👩‍👧 हिन्दी"
    assert plain.write(plain.read(text)) == text


def test_a_monstrous_text_is_refused_without_a_word_of_it() -> None:
    with pytest.raises(TextError) as error:
        plain.read("secret" * (INPUT_LIMIT // 6 + 1))
    assert "secret" not in str(error.value)


def test_shortened_text_shows_that_it_was_cut() -> None:
    assert shorten("abcdef", 4) == "abc…"
    assert shorten("abcd", 4) == "abcd"
    assert len(shorten("abc", 1)) == 1


@pytest.mark.parametrize(
    "href",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:x",
        "java\nscript:x",
        " \x01javascript:x",
        "data:text/html,x",
        "/nav_to.do",
        "//evil.example",
        "file:///etc/passwd",
        "",
        "https://",
        "https://x" + "y" * 3000,
    ],
)
def test_a_link_that_is_not_safe_is_no_link(href: str) -> None:
    assert safe_link(href) == ""


def test_safe_links_stay() -> None:
    for href in ("https://a.example/?q=1&r=(2)", "mailto:a@b.example", "tel:+359888", "HTTP://a.example"):
        assert safe_link(href) == href
