"""Whatever stands in a file: it loads, or it is told what is wrong. Nothing else happens."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from runbooks.document import read
from runbooks.errors import LoadError
from runbooks.library import LIBRARY
from runbooks.loader import load
from runbooks.playbook import Playbook

TEMPLATE = LIBRARY / "servicenow-to-jira"
TEXTS = {name: (TEMPLATE / name).read_text() for name in ("migration.yaml", "playbooks/incidents.yaml")}
SNIPPETS = st.sampled_from(
    ["\t", "'", '"', "{", "}", "[", "]", ": ", "- ", "\n", "&a ", "*a", "!!x ", "<<", "|", ">", "%", "#", "? ", "null",
     "007", "~", "---", "...", "\x00", "\ud7ff", "${env:X}", "é", "%YAML 1.1\n", "%TAG ! !\n",
     '"\\U7fffffff"', "9" * 25]
)  # fmt: skip
QUICK = settings(max_examples=150, deadline=None)


def told(problems: LoadError) -> None:
    assert problems.problems
    for each in problems.problems:
        assert each.line >= 1 and each.column >= 1 and each.text


def try_file(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.yaml"
        path.write_bytes(data)
        try:
            read(path, "x.yaml")
        except LoadError as error:
            told(error)


def try_folder(files: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "playbooks").mkdir()
        for file, text in files.items():
            (folder / file).write_bytes(text.encode("utf-8", "surrogatepass"))
        try:
            load(folder)
        except LoadError as error:
            told(error)


@QUICK
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_told_about(data: bytes) -> None:
    try_file(data)


@QUICK
@given(st.lists(st.one_of(SNIPPETS, st.text(max_size=5)), max_size=40).map("".join))
def test_any_text_is_read_or_told_about(text: str) -> None:
    try_file(text.encode())


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(TEXTS)), st.lists(st.tuples(st.floats(0, 1), SNIPPETS), min_size=1, max_size=3), st.data()
)
def test_a_good_folder_with_a_slip_of_the_hand_is_loaded_or_told_about(
    file: str, slips: list[tuple[float, str]], data: st.DataObject
) -> None:
    text = TEXTS[file]
    for share, snippet in slips:
        at = int(share * len(text))
        text = text[:at] + snippet + text[at + data.draw(st.integers(0, 12)) :]
    try_folder({**TEXTS, file: text})


VALUES: Any = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=4)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=6), inner, max_size=3)),
    max_leaves=6,
)


def places(value: Any, way: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [way, *(deeper for step, each in inner for deeper in places(each, (*way, step)))]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(TEXTS)), st.data())
def test_any_value_in_any_place_is_loaded_or_told_about(file: str, data: st.DataObject) -> None:
    top = YAML(typ="safe", pure=True).load(TEXTS[file])
    way = data.draw(st.sampled_from(places(top)[1:]))
    within = top
    for step in way[:-1]:
        within = within[step]
    within[way[-1]] = data.draw(VALUES)
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="surrogatepass") as stream:
        YAML(typ="safe", pure=True).dump(top, stream)
        stream.seek(0)
        try_folder({**TEXTS, file: stream.read()})


def shuffled(value: Any, chance: random.Random) -> Any:
    if isinstance(value, dict):
        items = [(key, shuffled(each, chance)) for key, each in value.items()]
        return dict(chance.sample(items, len(items)))
    return [shuffled(each, chance) for each in value] if isinstance(value, list) else value


@settings(max_examples=40, deadline=None)
@given(st.randoms(use_true_random=False), st.booleans())
def test_the_order_of_keys_and_the_style_of_yaml_are_no_part_of_the_version(chance: random.Random, flow: bool) -> None:
    top = YAML(typ="safe", pure=True).load(TEXTS["playbooks/incidents.yaml"])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.yaml"
        writer = YAML(typ="safe", pure=True)
        writer.default_flow_style = flow
        writer.sort_base_mapping_type_on_output = False
        writer.dump(shuffled(top, chance), path)
        again = Playbook.model_validate(read(path, "x").root.value)
    assert again.digest == Playbook.model_validate(top).digest
