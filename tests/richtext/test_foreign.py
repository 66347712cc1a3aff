"""ADF from elsewhere, ServiceNow's journal, Jira's wiki markup."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.richtext import TextError, adf, converter, html_writer, journal, plain, wiki_reader

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "content", "attrs", "text", "marks", "level", "href"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)
KINDS = [
    "doc",
    "paragraph",
    "text",
    "heading",
    "bulletList",
    "listItem",
    "table",
    "tableRow",
    "tableCell",
    "rule",
    "hardBreak",
    "mention",
    "emoji",
    "date",
    "status",
    "inlineCard",
    "blockCard",
    "media",
    "mediaSingle",
    "panel",
    "expand",
    "taskList",
    "taskItem",
    "codeBlock",
    "blockquote",
    "layoutSection",
    "extension",
]
MARKS = st.fixed_dictionaries({"type": st.sampled_from(["link", "code", "strong", "x"])})
NODES = st.recursive(
    st.fixed_dictionaries({"type": st.sampled_from(KINDS)}, optional={"text": st.text(max_size=4), "attrs": JSON}),
    lambda inner: st.fixed_dictionaries(
        {"type": st.sampled_from(KINDS), "content": st.lists(inner, max_size=4)},
        optional={"text": st.text(max_size=4), "marks": st.lists(MARKS)},
    ),
    max_leaves=15,
)  # fmt: skip


def doc(*content: Any) -> dict[str, Any]:
    return {"type": "doc", "version": 1, "content": list(content)}


@settings(deadline=None, max_examples=300)
@given(st.lists(NODES | JSON, max_size=3))
def test_any_document_is_made_legal_or_refused(check_adf: Any, content: list[Any]) -> None:
    try:
        read = adf.read(doc(*content))
    except TextError:
        return
    check_adf(read)
    assert adf.read(read) == read


@pytest.mark.parametrize(
    "value", ["", "plain text", "[1]", {"type": "paragraph"}, None, 3, {"type": "doc", "content": 1}]
)
def test_what_is_no_document_is_refused(value: Any) -> None:
    with pytest.raises(TextError):
        adf.read(value)


def test_a_document_nested_beyond_reason_is_refused() -> None:
    node: dict[str, Any] = {"type": "paragraph", "content": []}
    for _ in range(200):
        node = {"type": "blockquote", "content": [node]}
    with pytest.raises(TextError, match="nested too deeply"):
        adf.read(doc(node))


def test_mentions_emoji_dates_cards_and_tasks_become_text() -> None:
    inline = [
        {"type": "mention", "attrs": {"id": "1", "text": "@Ann"}},
        {"type": "text", "text": " "},
        {"type": "emoji", "attrs": {"shortName": ":ok:", "text": "👌"}},
        {"type": "date", "attrs": {"timestamp": "1706659200000"}},
        {"type": "status", "attrs": {"text": "DONE"}},
        {"type": "inlineCard", "attrs": {"url": "https://x.example/1"}},
    ]
    task = {"type": "taskItem", "attrs": {"state": "DONE"}, "content": [{"type": "text", "text": "t"}]}
    read = adf.read(json.dumps(doc({"type": "paragraph", "content": inline}, {"type": "taskList", "content": [task]})))
    assert plain.write(read) == "@Ann 👌2024-01-31DONEhttps://x.example/1\n\n- [x] t"


def test_a_document_is_cut_with_a_visible_mark(check_adf: Any) -> None:
    cut = adf.shorten(plain.read("one two\nthree\n\nfour"), 10)
    check_adf(cut)
    assert adf.length(cut) == 10
    assert plain.write(cut).endswith("…")


@settings(deadline=None)
@given(st.text("ab \n", max_size=60), st.integers(1, 60))
def test_a_cut_document_is_legal_and_keeps_to_its_length(check_adf: Any, text: str, limit: int) -> None:
    cut = adf.shorten(plain.read(text), limit)
    check_adf(cut)
    assert adf.length(cut) <= limit


# ---------------------------------------------------------------- journal


def test_html_between_code_marks_is_read_as_html_and_the_rest_as_plain_text() -> None:
    read = journal.read("Hello <b>\n[code]<p>a <b>b</b></p>[/code]\nbye *x*")
    assert html_writer.write(read) == "<p>Hello &lt;b&gt;</p><p>a <strong>b</strong></p><p>bye *x*</p>"


def test_a_code_mark_that_is_never_closed_is_text() -> None:
    assert plain.write(journal.read("see [code]<b>")) == "see [code]<b>"


def test_plain_text_goes_back_to_the_journal_as_it_came() -> None:
    back = converter("plain", "plain")
    assert back("a\n\nb") == "a\n\nb"
    assert journal.write(adf.read(journal.read("a\nb\n\nc"))) == "a\nb\n\nc"


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["a", " ", "\n", "[code]", "[/code]", "<b>x</b>", "<ul><li>y</ul>", "[", "&#91;code]"]))
)
def test_a_journal_is_stable_after_the_first_pass(check_adf: Any, pieces: list[str]) -> None:
    first = adf.read(journal.read("".join(pieces)))
    check_adf(first)
    second = adf.read(journal.read(journal.write(first)))
    assert plain.write(second).split() == plain.write(first).split()
    assert adf.read(journal.read(journal.write(second))) == second


# ---------------------------------------------------------------- wiki markup


@pytest.mark.parametrize("piece", ["*a *", "-a ", "{{a ", "{panel:", "[a|", "!a", "{quote}"])
def test_hostile_wiki_markup_takes_no_longer_than_its_length_asks(piece: str) -> None:
    start = time.process_time()
    wiki_reader.read(piece * 10_000)
    assert time.process_time() - start < 10  # without the bounds: about a minute


def test_wiki_markup_comes_through() -> None:
    text = (
        "h2. T\n*b* _i_ -s- {{m}} [w|https://x.example/1] a-b-c\nline\n"
        "* one\n** two\n# n\n||h||\n|c|\n{quote}q{quote}\n"
        "{code:sql}\nselect 1\n{code}\n----\n{info}i{info}"
    )
    assert html_writer.write(wiki_reader.read(text)) == (
        "<h2>T</h2><p><strong>b</strong> <em>i</em> <s>s</s> <code>m</code> "
        '<a href="https://x.example/1">w</a> a-b-c<br>line</p><ul><li><p>one</p><ul><li><p>two</p></li></ul></li></ul>'
        "<ol><li><p>n</p></li></ol><table><tbody><tr><th><p>h</p></th></tr><tr><td><p>c</p></td></tr></tbody></table>"
        '<blockquote><p>q</p></blockquote><pre><code class="language-sql">select 1</code></pre><hr>'
        '<div data-panel-type="info"><p>i</p></div>'
    )


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.sampled_from(
            [
                "a",
                "b",
                " ",
                "\n",
                "*",
                "_",
                "{code}",
                "{quote}",
                "{panel:x}",
                "h1. ",
                "* ",
                "\n# ",
                "\n## ",
                "[a!http://x.y]",
                "{{",
                "}}",
                "----\n",
                "-",
                "??",
                "\\",
                "!i.png!",
            ]
        )
        | st.just("|")
    )
)
def test_any_wiki_markup_makes_a_legal_document(check_adf: Any, pieces: list[str]) -> None:  # fmt: skip
    check_adf(wiki_reader.read("".join(pieces)))
