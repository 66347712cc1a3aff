"""JSON Schema of the files of a migration folder, for editors."""

from __future__ import annotations

from typing import Any

from runbooks.base import Model
from runbooks.migration import MigrationFile
from runbooks.playbook import Playbook
from runbooks.runbook import Runbook

DIALECT = "https://json-schema.org/draft/2020-12/schema"
KINDS: dict[str, type[Model]] = {"migration": MigrationFile, "playbook": Playbook, "runbook": Runbook}


def schema(kind: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of `migration`, `playbook` or `runbook`. Raises KeyError for another kind."""
    made = KINDS[kind].model_json_schema(by_alias=True)
    definitions = made.get("$defs", {})
    if "StatusRule" in definitions:
        definitions["StatusRule"] = _status(definitions)
    return {"$schema": DIALECT, **made, "title": f"cutover {kind}"}


def _status(definitions: dict[str, Any]) -> dict[str, Any]:
    """A rule whose keys stand beside `fields`, as files have it; the model keeps the two apart."""
    model = definitions["StatusRule"]
    shapes: list[dict[str, Any]] = []
    for shape in model["properties"]["rule"]["anyOf"]:
        if "$ref" in shape:
            rule = definitions[shape["$ref"].rpartition("/")[2]]
            shapes.append({**rule, "properties": {**rule["properties"], "fields": model["properties"]["fields"]}})
        else:
            shapes.append(shape)
    return {"title": "StatusRule", "description": model["description"], "anyOf": shapes}
