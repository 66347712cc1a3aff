"""One YAML file: plain values, and every surprise of YAML told instead of lived with."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runbooks.document import LARGEST_FILE, MOST_PROBLEMS, Document, read
from runbooks.errors import LoadError


def reading(tmp_path: Path, text: str | bytes) -> Document:
    path = tmp_path / "x.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read(path, "x.yaml")


def refused(tmp_path: Path, text: str | bytes) -> str:
    with pytest.raises(LoadError) as caught:
        reading(tmp_path, text)
    return str(caught.value)


def test_values_are_plain_and_remember_where_they_stood(tmp_path: Path) -> None:
    document = reading(tmp_path, 'a:\n  b: [x, 1.5, true, null, "2"]\n')
    assert document.root.value == {"a": {"b": ["x", 1.5, True, None, "2"]}}
    assert document.where(("a", "b", 1)) == "x.yaml:2:10"


def test_a_mapping_stands_where_its_key_stands(tmp_path: Path) -> None:
    document = reading(tmp_path, "a:\n  b:\n    c: 1\n")
    assert document.where(("a", "b")) == "x.yaml:2:3"


def test_a_way_that_the_file_does_not_have_leads_to_the_nearest_thing_it_has(tmp_path: Path) -> None:
    document = reading(tmp_path, "a:\n  b: 1\n")
    assert document.where(("a", "rule", "b", "nothing")) == "x.yaml:2:6"


def test_numbers_as_keys_are_text_as_written(tmp_path: Path) -> None:
    assert reading(tmp_path, "1: a\n1.0: b\n007: c\n2024-01-31: d\n").root.value == {
        "1": "a",
        "1.0": "b",
        "007": "c",
        "2024-01-31": "d",
    }


def test_a_number_and_its_text_are_the_same_key(tmp_path: Path) -> None:
    assert refused(tmp_path, "1: a\n'1': b\n") == "x.yaml:2:1: the key '1' is here twice (first in line 1)"


def test_every_duplicate_key_is_told(tmp_path: Path) -> None:
    assert refused(tmp_path, "a: 1\nb: 1\na: 2\nb: 2\n").splitlines() == [
        "x.yaml:3:1: the key 'a' is here twice (first in line 1)",
        "x.yaml:4:1: the key 'b' is here twice (first in line 2)",
    ]


def test_a_file_that_is_wrong_all_over_is_given_up_on(tmp_path: Path) -> None:
    assert len(refused(tmp_path, "a:\n" * 5000).splitlines()) == MOST_PROBLEMS


def test_norway_stays_norway_and_is_asked_about(tmp_path: Path) -> None:
    document = reading(tmp_path, "NO: Oslo\nflag: yes\nquoted: 'no'\n")
    assert document.root.value == {"NO": "Oslo", "flag": "yes", "quoted": "no"}
    assert [(each.line, each.column) for each in document.warnings] == [(1, 1), (2, 7)]
    assert 'write "yes" if that is meant, else true' in str(document.warnings[1])


def test_a_boolean_or_nothing_is_no_key(tmp_path: Path) -> None:
    told = refused(tmp_path, "true: a\n~: b\n")
    assert 'x.yaml:1:1: the key true is a boolean in YAML; expected text: write "true"' in told
    assert "x.yaml:2:1: the key ~ is nothing in YAML" in told


def test_a_date_stays_text(tmp_path: Path) -> None:
    assert reading(tmp_path, "a: 2026-11-21 20:00:00\nb: 2026-11-21\n").root.value == {
        "a": "2026-11-21 20:00:00",
        "b": "2026-11-21",
    }


@pytest.mark.parametrize("value", ["007", ".inf", "-.INF", ".nan", "1e999", "9" * 30, "9" * 5000])
def test_a_number_that_would_not_survive_is_refused_without_being_named(tmp_path: Path, value: str) -> None:
    told = refused(tmp_path, f"a: {value}\n")
    assert told.startswith("x.yaml:1:4: ") and "quotes" in told and value not in told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a:\n\tb: 1\n", "2:1: a tab stands here; YAML indents with spaces"),
        ("a: 'x\nb: 2\n", "1:4: this quote is never closed"),
        ("a: b: c\n", "1:5: a ': ' that cannot stand here"),
        ("a: [1,\n", "2:1: the file ends too early"),
        ("a:\n  b: 1\n c: 2\n", "3:2: the indentation is off"),
        ("a: @x\n", "1:4: a plain value cannot start so; put it in quotes"),
        ("a: {b: ${env:X}}\n", "1:9: a '{' that cannot stand here; inside braces, write"),
        ("a: 1\n---\nb: 2\n", "2:1: a second document starts here"),
        ("<<: {a: 1}\n", "1:1: merge keys are not taken"),
        ("? [x]\n: y\n", "1:3: expected a key that is text"),
        ("a: *b\n", "1:4: this alias has no anchor before it"),
        ("a: &b [*b]\n", "1:8: this alias stands inside what it names"),
        ("a: !!python/object/apply:os.system [x]\n", "1:4: tags are not taken"),
        ("a: !secret\n", "1:4: tags are not taken; write the plain value, in quotes when it begins with '!'"),
        ('a: "\\uD800"\n', "1:4: NUL and lone surrogates are not text"),
        ("a: x\x01\n", "1:5: the character U+0001 is not allowed"),
        ("", "1:1: the file is empty"),
        ("# nothing\n---\n", "1:1: the file is empty"),
        (b"a: 1\nb: x\xff\n", "2:5: this byte is not UTF-8"),
        ("[" * 5000, "1:62: nested deeper than 60 levels"),
    ],
)
def test_what_is_wrong_with_the_yaml_is_told_where_it_stands(tmp_path: Path, text: str | bytes, told: str) -> None:
    assert refused(tmp_path, text).startswith(f"x.yaml:{told}")


def test_a_bomb_of_aliases_is_stopped_early(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 40)]
    assert "more than 200,000 values" in refused(tmp_path, "\n".join(lines))


def test_an_alias_is_read_and_stands_where_it_is_used(tmp_path: Path) -> None:
    document = reading(tmp_path, "a: &m {x: 1}\nb: *m\n")
    assert document.root.value == {"a": {"x": 1}, "b": {"x": 1}}
    assert document.where(("b", "x")) == "x.yaml:1:11"


def test_a_byte_order_mark_and_carriage_returns_change_nothing(tmp_path: Path) -> None:
    document = reading(tmp_path, b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    assert document.root.value == {"a": 1, "b": 2} and document.where(("b",)) == "x.yaml:2:4"


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    assert "split it" in refused(tmp_path, b"#" * (LARGEST_FILE + 1))


def test_a_folder_a_pipe_and_a_missing_file_are_not_yaml(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("a: 1\n")
    os.mkfifo(tmp_path / "pipe.yaml")
    for name, told in (
        (".", "this is a folder"),
        ("pipe.yaml", "not a regular file"),
        ("gone.yaml", "there is no such file; its folder has other.yaml"),
    ):
        with pytest.raises(LoadError, match=told):
            read(tmp_path / name, name)
