from __future__ import annotations

from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from connectors.kit.contract import Record
from engine.mapping import Mapped, Mapper, Refused, compile_entity
from runbooks.playbook import EntityPair

Pair = Callable[..., EntityPair]


def _where(path: tuple[str | int, ...]) -> str:
    return "book.yaml:" + ".".join(map(str, path))


@pytest.fixture(scope="session")
def pair() -> Pair:
    """An entity pair with these fields, and whatever else is given."""

    def make(fields: dict[str, Any], **more: Any) -> EntityPair:
        sides = {"source": {"system": "a", "entity": "b"}, "target": {"system": "c", "entity": "d"}}
        return EntityPair.model_validate({"entity": "thing", **sides, "fields": fields, **more})

    return make


@pytest.fixture(scope="session")
def mapper(pair: Pair) -> Callable[..., Mapper]:
    """The compiled mapping of these fields."""

    def make(fields: dict[str, Any], *, max_lengths: dict[str, int] | None = None, **more: Any) -> Mapper:
        return compile_entity(pair(fields, **more), where=_where, secret=b"key", max_lengths=max_lengths)

    return make


ONE = Record("k1", "1", {})


@pytest.fixture(scope="session")
def run(mapper: Callable[..., Mapper]) -> Callable[..., Mapped | Refused]:
    """One record through the mapping of one rule, `x`."""

    def make(rule: Any, fields: dict[str, Any], people: dict[str, str | None] | None = None, **more: Any) -> Any:
        return mapper({"x": rule}, **more).map([ONE._replace(fields=fields)], people or {})[0]

    return make


@pytest.fixture(scope="session")
def value(run: Callable[..., Any]) -> Callable[..., Any]:
    """What the rule makes of a record; "left out" where the field is left out, the cause where it is refused."""

    def make(rule: Any, fields: dict[str, Any], people: dict[str, str | None] | None = None, **more: Any) -> Any:
        done = run(rule, fields, people, **more)
        return done.cause if isinstance(done, Refused) else done.fields.get("x", "left out")

    return make


@pytest.fixture(scope="session")
def check_document() -> Callable[[Any], None]:
    """The strict check of ADF documents of the rich text suite."""
    spec = spec_from_file_location("adf_check", Path(__file__).parent.parent / "richtext" / "adf_check.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    check: Callable[[Any], None] = module.check_adf
    return check
