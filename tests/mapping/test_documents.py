"""Rich text for a target that takes it encoded."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from connectors.kit.contract import Record
from connectors.kit.document import Document, decoded, encoded
from engine.mapping import Mapped, Mapper, compile_entity

TEXT = "one\ntwo\n\n<b>three</b> four"
TO_ADF = {"from": "a", "rich_text": {"from": "plain", "to": "adf"}}
RULES: dict[str, Any] = {
    "plain": TO_ADF,
    "html": {"from": "a", "rich_text": {"from": "html", "to": "adf"}},
    "template": {"template": "**{a}**!", "rich_text": {"from": "plain", "to": "adf"}},
    "cut": TO_ADF | {"truncate": 5},
    "list": {"list": [TO_ADF, {"constant": "x"}]},
    "list cut": {"list": [TO_ADF], "truncate": 5},
    "redacted": TO_ADF | {"mask": "redact"},
    "hashed": {"from": "a", "rich_text": {"from": "html", "to": "adf"}, "mask": "hash"},
    "chosen": {"when": [{"if": "a != ''", "then": TO_ADF}]},
}


def both(pair: Any, rule: Any, text: str) -> list[Any]:
    """What a rule makes for a target that takes maps, and for one that takes documents."""

    def mapper(documents: bool) -> Mapper:
        return compile_entity(pair({"x": rule}), where=str, secret=b"key", documents=lambda entity: documents)

    return [mapper(documents).map([Record("k", "1", {"a": text})], {})[0] for documents in (False, True)]


@pytest.mark.parametrize("name", RULES)
def test_a_document_says_the_same_as_the_map(pair: Any, name: str) -> None:
    as_map, as_document = both(pair, RULES[name], TEXT)
    assert isinstance(as_map, Mapped) and isinstance(as_document, Mapped)
    assert decoded(as_document.fields) == as_map.fields
    assert orjson.dumps(as_document.fields, encoded) == orjson.dumps(as_map.fields)


def test_plain_text_comes_as_a_document_where_the_target_takes_one(pair: Any) -> None:
    as_map, as_document = both(pair, TO_ADF, TEXT)
    assert type(as_map.fields["x"]) is dict
    assert type(as_document.fields["x"]) is Document


def test_a_document_that_is_too_long_is_refused_as_a_map_is(pair: Any) -> None:
    as_map, as_document = both(pair, TO_ADF, "x" * 40_000)
    assert as_map == as_document
    assert as_map.cause == "x: text longer than the target takes"
