from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.richtext import html_writer

BODY = {
    "template": "**{who}** wrote on {when} ({kind}):\n\n{text}",
    "rich_text": {"from": "journal", "to": "adf"},
}
NOTE = {"who": "ann", "when": "2024-01-31", "kind": "comments", "text": "hello"}


def html(value: Any) -> str:
    return html_writer.write(value)


def test_fields_are_filled_in_and_braces_can_be_written(value: Any) -> None:
    assert value({"template": "{{{a}}} {b.c}!"}, {"a": 1, "b": {"c": True}}) == "{1} true!"


def test_a_template_without_fields_is_a_constant(value: Any) -> None:
    assert value({"template": "{{x}}"}, {}) == "{x}"


def test_a_label_is_made_of_the_filled_template(value: Any) -> None:
    assert value({"template": "group-{g.name}", "slug": True}, {"g.name": "Service  Desk"}) == "group-Service-Desk"


def test_the_words_of_a_template_are_markdown_and_a_field_by_itself_becomes_paragraphs(value: Any) -> None:
    made = value(BODY, {**NOTE, "text": "one\n\n[code]<ul><li>two</ul>[/code]"})
    assert html(made) == (
        "<p><strong>ann</strong> wrote on 2024-01-31 (comments):</p><p>one</p><ul><li><p>two</p></li></ul>"
    )


def test_nothing_in_a_value_is_taken_for_markdown(value: Any) -> None:
    made = value(BODY, {**NOTE, "who": "*ann*", "text": "# no **bold** [x](http://y.z)"})
    assert html(made).endswith("<p># no **bold** [x](http://y.z)</p>")
    assert "<strong>*ann*</strong>" in html(made)


def test_a_field_in_a_link_is_quoted(value: Any) -> None:
    rule = {"template": "[{n}](https://x.example/?q={n})", "rich_text": {"from": "plain", "to": "adf"}}
    assert html(value(rule, {"n": "a b&c"})) == '<p><a href="https://x.example/?q=a%20b%26c">a b&amp;c</a></p>'


def test_fields_in_headings_lists_and_code_stay_in_their_frames(value: Any, check_document: Any) -> None:
    rule = {"template": "# {a}\n\n- {b}\n\n```\n{c}\n```", "rich_text": {"from": "plain", "to": "adf"}}
    made = value(rule, {"a": "x\ny", "b": "# z\n\nw", "c": "1\n2"})
    check_document(made)
    assert html(made) == "<h1>x y</h1><ul><li><p># z<br><br>w</p></li></ul><pre><code>1\n2</code></pre>"


def test_a_template_can_go_to_markdown_and_html_too(value: Any) -> None:
    for to, wanted in (("markdown", "**ann\\***"), ("html", "<p><strong>ann*</strong></p>"), ("plain", "ann*")):
        assert value({"template": "**{a}**", "rich_text": {"from": "plain", "to": to}}, {"a": "ann*"}) == wanted


def test_a_filled_template_beyond_the_limit_is_refused(value: Any) -> None:
    assert value(BODY, {**NOTE, "text": "word " * 7000}) == "x: text longer than the target takes"


@settings(deadline=None)
@given(st.fixed_dictionaries({name: st.text(max_size=30) | st.just("[code]<b>x</b>[/code]") for name in NOTE}))
def test_any_values_make_a_legal_document(value: Any, check_document: Any, fields: dict[str, str]) -> None:
    made = value(BODY, fields)
    if made != "left out":
        check_document(made)
