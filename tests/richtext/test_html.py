from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.richtext import adf, converter, html_reader, html_writer, plain

PIECES = st.sampled_from(
    [
        "a",
        "b",
        " ",
        "\n",
        "<b>",
        "</b>",
        "<i>",
        "</i>",
        "<p>",
        "</p>",
        "<div>",
        "</div>",
        "<ul>",
        "</ul>",
        "<li>",
        "</li>",
        "<ol start=3>",
        "</ol>",
        "<table>",
        "<tr>",
        "<td>",
        "</td>",
        "</tr>",
        "</table>",
        "<th colspan=2>",
        "</th>",
        "<pre>",
        "</pre>",
        "<code>",
        "</code>",
        "<code class='language-py'>",
        "<br>",
        "<hr>",
        "<h1>",
        "</h1>",
        "<h5>",
        "<blockquote>",
        "</blockquote>",
        "<a href='http://x.y?a=1&b=2'>",
        "</a>",
        "<a href='javascript:1'>",
        "<script>",
        "</script>",
        "<style>",
        "<svg>",
        "</svg>",
        "&nbsp;",
        "&amp;lt;",
        "<!--",
        "-->",
        "<sub>",
        "<sup>",
        "</sub>",
        "</sup>",
        "<span style='font-weight:bold'>",
        "</span>",
        "<div data-panel-type='note'>",
        "<img src='http://i.j/k.png' alt='x  y'>",
        "\t",
        "&#1;",
        "&#xd800;",
        "<",
        ">",
        "é😀",
        "<caption>",
        "<dl>",
        "<dt>",
        '<x-y z="',
        "'>",
        "</",
        "<!",
        "<?",
    ]
)
HTML = st.lists(PIECES, max_size=40).map("".join)


def html_of(html: str) -> str:
    return html_writer.write(html_reader.read(html))


@settings(deadline=None, max_examples=400)
@given(HTML)
def test_any_html_makes_a_legal_document_that_html_gives_back(check_adf: Any, html: str) -> None:
    doc = html_reader.read(html)
    check_adf(doc)
    assert html_reader.read(html_writer.write(doc)) == doc
    assert adf.read(doc) == doc


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_text_at_all_can_be_read_as_html(check_adf: Any, text: str) -> None:
    check_adf(html_reader.read(text))


def test_formatting_comes_through() -> None:
    html = (
        "<h2>T</h2><p>a <strong>b</strong> <em>c</em> <u>d</u> <s>e</s> <sub>f</sub> <code>g</code> "
        '<a href="https://x.example/?a=1&amp;b=2">h</a><br>i</p>'
        '<ol start="3"><li><p>j</p><ul><li><p>k</p></li></ul></li></ol>'
        '<blockquote><p>q</p></blockquote><pre><code class="language-sql">select\n  1</code></pre><hr>'
        "<table><tbody><tr><th><p>x</p></th></tr><tr><td><p>y</p></td></tr></tbody></table>"
    )
    assert html_of(html) == html


def test_scripts_styles_and_drawings_go_with_all_that_is_in_them() -> None:
    hostile = "a<script>alert('<b>1</b>')</script><style>p{}</style><svg><text>x</text></svg><iframe>y</iframe>b"
    assert plain.write(html_reader.read(hostile)) == "ab"


def test_a_dropped_tag_that_nobody_closes_swallows_nothing() -> None:
    assert "kept" in plain.write(html_reader.read("<svg><title>kept"))
    assert "kept" in plain.write(html_reader.read("<!-- kept"))


def test_an_unsafe_link_leaves_its_text() -> None:
    assert html_of('<a href="javascript:alert(1)">click</a>') == "<p>click</p>"
    assert html_of('<a href="java&#10;script:alert(1)" onclick="x()">click</a>') == "<p>click</p>"


def test_unclosed_and_misplaced_tags_are_mended() -> None:
    assert (
        html_of("<p>a<p>b<ul><li>c<li>d</ul>e") == "<p>a</p><p>b</p><ul><li><p>c</p></li><li><p>d</p></li></ul><p>e</p>"
    )
    assert html_of("<td>x</td><li>y") == "<p>x</p><p>y</p>"
    assert html_of("<ul>x<li>y</ul>") == "<ul><li><p>x</p></li><li><p>y</p></li></ul>"


def test_what_may_not_stand_there_loses_its_frame_and_not_its_text() -> None:
    assert html_of("<blockquote><h1>a</h1></blockquote>") == "<blockquote><p><strong>a</strong></p></blockquote>"
    assert html_of("<ul><li><table><tr><td>a<td>b</table></ul>") == "<ul><li><p>a</p><p>b</p></li></ul>"


def test_bold_in_one_cell_stays_in_that_cell() -> None:
    assert html_of("<table><tr><td><b>a<td>b</table>").count("<strong>") == 1


def test_code_stands_beside_nothing_but_a_link() -> None:
    assert html_of("<b><code>x</code></b>") == "<p><code>x</code></p>"


def test_blanks_that_must_stay_are_written_so_that_they_do() -> None:
    assert "  " not in html_writer.write(adf.read(plain.read("a    b"))).replace("\u00a0", "_")


def test_deep_nesting_keeps_the_text_and_stays_shallow(check_adf: Any) -> None:
    doc = html_reader.read("<ul><li>" * 3000 + "deep" + "<blockquote>" * 3000 + "deeper")
    check_adf(doc)
    assert len(json.dumps(doc)) < 20_000
    assert {"deep", "deeper"} <= set(plain.write(doc).replace("-", " ").split())


@pytest.mark.parametrize(
    "html",
    [
        "<" * 200_000,
        "<!--" * 50_000,
        "<a " * 60_000,
        "<a " * 60_000 + ">",
        "<a href='" * 20_000 + ">",
        "</" * 100_000 + ">",
        "<![" * 60_000 + ">",
        "<script>" * 40_000,
        "<b>" * 60_000,
        "<table><tr><td>" * 10_000,
        "&" * 200_000,
        " " * 200_000,
    ],
    ids=range(12),
)
def test_hostile_html_takes_no_longer_than_its_length_asks(html: str) -> None:
    start = time.process_time()
    html_reader.read(html)
    assert time.process_time() - start < 10  # a quadratic parser takes minutes


def test_html_becomes_markdown_and_markdown_html() -> None:
    assert converter("html", "markdown")("<p>a <b>b</b></p><ul><li>c</ul>") == "a **b**\n\n- c"
    assert converter("markdown", "html")("a **b**") == "<p>a <strong>b</strong></p>"
