"""The migration of a night, as a folder."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from runbooks.loader import load
from runbooks.migration import Migration
from tests.simulation.plan import Plan

_MIGRATION = """
migration: simulation
systems:
  left: { connector: memory, url: "memory:left"LEFT }
  right: { connector: memory, url: "memory:right"RIGHT }
playbooks: [book.yaml]
"""

_PLAYBOOK = """
playbook: incidents
entities:
  - entity: incident
    source: { system: left, entity: incident }
    target: { system: right, entity: issue }
EXISTING
    fields:
      title: short_description
      rev: rev
EDITION
      priority: { from: priority, map: { "1": high, "2": high, "3": low, "4": low, "5": low } }
    status: { from: state, map: { "1": open, "2": doing, "6": done } }
    children:
      - { entity: comment, target: comment, fields: { body: text, rev: rev } }
ATTACHMENTS
REFERENCES
waves:
WAVES
"""

_REFERENCES = """    references:
      - { from: parent, to: incident, REFERENCE }
"""


def migration(folder: Path, plan: Plan, edition: int = 0) -> Migration:
    """Of this night, as this folder would have it; in which edition of its mapping."""
    limits = f", limits: {{ requests_per_second: {plan.limits['requests_per_second']} }}" if plan.limits else ""
    attachments = "      - { entity: attachment, target: attachment, fields: { name: name } }"
    book = _PLAYBOOK.replace("ATTACHMENTS\n", f"{attachments}\n" if plan.attachments else "")
    existing = "    existing: { match: number, by: number }\n"
    book = book.replace("EXISTING\n", existing if plan.existing else "")
    book = book.replace("EDITION\n", "      number: number\nEDITION\n" if plan.existing else "EDITION\n")
    book = book.replace(
        "EDITION\n", f'      edition: {{ constant: "{edition}" }}\n' if "new mappings" in plan.twists else ""
    )
    book = book.replace("REFERENCES\n", "" if plan.plain else _REFERENCES)
    book = book.replace("REFERENCE", "field: above" if plan.field_reference else "link: Relates")
    book = book.replace("WAVES\n", _waves(plan))
    return replace(_loaded(_MIGRATION.replace("LEFT", limits).replace("RIGHT", limits), book), folder=folder)


def _waves(plan: Plan) -> str:
    """In a plain night no record is in two of them."""
    filters = {"pilot": "region = EMEA", "vip": "priority = 1", "rest": ""}
    if plan.plain and "pilot" in plan.waves:
        filters["rest"] = "region = AMER"
    size = f"chunk: {plan.chunk}, workers: {plan.workers}, prove: {plan.prove}"
    after = {"rest": ["pilot"]} if "pilot" in plan.waves else {}
    return "".join(
        f'  - {{ wave: {wave}, after: {after.get(wave, [])}, filters: {{ incident: "{filters[wave]}" }}, {size} }}\n'
        for wave in filters
        if wave in plan.waves
    )


@cache
def _loaded(text: str, book: str) -> Migration:
    """Nothing changes a migration that was loaded, so nights of one process share it."""
    with TemporaryDirectory(prefix="migration-") as name:
        folder = Path(name)
        (folder / "migration.yaml").write_text(text)
        (folder / "book.yaml").write_text(book)
        return load(folder)
