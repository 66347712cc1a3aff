"""Reads the `options` of a connection into a model, and tells what is wrong with them."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from connectors.kit.contract import Connection
from connectors.kit.errors import Misconfigured

Model = TypeVar("Model", bound=BaseModel)


def read_options(model: type[Model], connection: Connection) -> Model:
    """`connection.options` as `model` (which forbids extras). Misconfigured names each option that does not fit."""
    try:
        return model.model_validate(dict(connection.options))
    except ValidationError as error:
        wrong = "; ".join(_line(model, problem["loc"], problem["msg"], problem["type"]) for problem in error.errors())
        hint = f"Correct it under systems.{connection.name}.options in migration.yaml"
        raise Misconfigured(f"{connection.name} ({connection.connector}): {wrong}", hint=hint) from None


def _line(model: type[BaseModel], where: tuple[int | str, ...], message: str, kind: str) -> str:
    name = ".".join(str(part) for part in where)
    if kind != "extra_forbidden":
        return f"option {name}: {message}"
    near = get_close_matches(name, model.model_fields, n=1)
    known = f"did you mean {near[0]}?" if near else f"known: {', '.join(sorted(model.model_fields))}"
    return f"there is no option {name} ({known})"
