"""What every model of a migration folder is built on."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from typing import Annotated, Any, ClassVar, Self, TypeVar
from zoneinfo import available_timezones

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ModelWrapValidatorHandler,
    Strict,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

T = TypeVar("T")

Name = Annotated[str, StringConstraints(pattern=r"^[^\s/\\:,\"'-][^\s/\\:,\"']{0,63}$")]
"""A name people type on a command line: no spaces, slashes, colons, commas or quotes, up to 64 characters."""

Text = Annotated[str, StringConstraints(min_length=1)]
"""Text that says something."""

Items = Annotated[tuple[T, ...], Strict(False)]
"""A YAML list, frozen."""


def wrong(sentence: str, at: str = "") -> PydanticCustomError:
    """An error of our own: a sentence for the person, and the key it is about (empty: the whole value)."""
    return PydanticCustomError("wrong", "{sentence}", {"sentence": sentence, "at": at})


def unknown_key(key: str, expected: list[str]) -> PydanticCustomError:
    """A key that fits nowhere here; the loader finds the nearest of `expected`."""
    ctx = {"sentence": f"unknown key '{key}'", "at": key, "expected": expected}
    return PydanticCustomError("unknown_key", "{sentence}", ctx)


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _zone(value: str) -> str:
    if value not in _zones():
        raise wrong(f"unknown time zone '{value}'; expected a name such as Europe/Sofia or UTC")
    return value


Zone = Annotated[str, BeforeValidator(lambda value: _zone(value) if isinstance(value, str) else value)]
"""An IANA time zone."""


class Model(BaseModel):
    """A frozen piece of a file: unknown keys are errors, and no type is bent into another."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)

    elsewhere: ClassVar[dict[str, str]] = {}
    """Keys people reach for here, and what to do instead."""

    @classmethod
    def known_keys(cls) -> list[str]:
        """The keys a file may use here, in the order of the class."""
        return [field.alias or name for name, field in cls.model_fields.items()]

    # pydantic says that a key is unknown, but not which ones are known: the nearest right word needs them.
    @model_validator(mode="wrap")
    @classmethod
    def _explain_unknown_keys(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(data)
        except ValidationError as error:
            lines = [cls._explained(line) for line in error.errors(include_url=False)]
            raise ValidationError.from_exception_data(cls.__name__, lines) from None

    @classmethod
    def _explained(cls, line: ErrorDetails) -> InitErrorDetails:
        kind: str | PydanticCustomError = line["type"]
        loc, ctx = line["loc"], line.get("ctx", {})
        if kind in ("wrong", "unknown_key"):
            kind = PydanticCustomError(line["type"], "{sentence}", ctx)
        elif kind == "extra_forbidden" and len(loc) == 1:
            key = str(loc[0])
            kind = wrong(cls.elsewhere[key], key) if key in cls.elsewhere else unknown_key(key, cls.known_keys())
        elif kind == "missing" and len(loc) == 1:
            key, loc = str(loc[0]), ()
            kind = wrong(f"missing key '{key}': {cls._meaning_of(key)}")
        return InitErrorDetails(type=kind, loc=loc, input=line["input"], ctx=ctx)

    @classmethod
    def _meaning_of(cls, key: str) -> str:
        for name, field in cls.model_fields.items():
            if key == (field.alias or name):
                text = field.description or ""
                return text[:1].lower() + text[1:].rstrip(".")
        raise KeyError(key)


def digest(model: Model) -> str:
    """SHA-256 of what a file means; comments, layout, order of keys and written-out defaults are no part."""
    meaning = model.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    text = json.dumps(meaning, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
