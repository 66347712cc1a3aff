"""Ways in which a target can be wrong, each done to one record by our own account: nobody else is to blame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

from connectors import memory
from connectors.kit.contract import Write
from connectors.memory.store import ME
from tests.engine.memory_migration import write

PLAYBOOK = """
playbook: incidents
entities:
  - entity: incident
    source: { system: left, entity: incident }
    target: { system: right, entity: issue }
    fields:
      title: short_description
      priority: { from: priority, map: { "1": high, "2": high, "3": low } }
      opened: { from: opened, date: { zone: Europe/Sofia } }
      body: { from: body, rich_text: { from: plain, to: adf } }
      effort: { from: effort, number: float }
      urgent: { from: urgent, boolean: true }
      assignee: { from: assignee, person: true, else: drop }
      labels: { from: labels, split: "," }
      cause: { from: parent, reference: { to: incident } }
    status: { from: state, map: { "1": open, "2": doing, "6": done } }
    children:
      - { entity: comment, target: comment, body: { from: text, rich_text: { from: plain, to: adf } } }
      - { entity: attachment, target: attachment }
    references:
      - { from: parent, to: incident, link: Relates }
waves:
  - { wave: all, filters: { incident: "" }, chunk: 50, workers: 3 }
"""


def fill(store: memory.Store, n: int) -> None:
    """Incidents with two comments and an attachment each; every record but the first has a parent."""
    for i in range(n):
        key = f"I{i:04}"
        store.put(
            "incident",
            key,
            {
                "short_description": f"printer {i} on fire",
                "priority": str(1 + i % 3),
                "opened": f"2026-0{1 + i % 9}-11 10:{i % 60:02}:00",
                "body": f"First line of {i}.\n\nSecond paragraph, with Gruesse from {i}.",
                "effort": f"{i}.50",
                "urgent": "true" if i % 2 else "false",
                "assignee": f"u{i % 7}@example.com",
                "labels": f"vpn, floor-{i % 5}, x{i}",
                "state": ("1", "2", "6")[i % 3],
                "parent": f"I{i // 2:04}" if i else "",
            },
        )
        for j in range(2):
            store.put("comment", f"C{i:04}-{j}", {"text": f"called {i} times, {j}"}, parent=key)
        content = f"log of {i}".encode()
        store.put(
            "attachment", f"A{i:04}", {"file_name": f"{i}.log", "size_bytes": len(content)}, parent=key, content=content
        )


def people(store: memory.Store) -> None:
    store.people |= {f"u{i}@example.com": f"account-{i}" for i in range(6)}  # one is not known


@dataclass
class Place:
    """One record at the target, and another one to mix it up with."""

    store: memory.Store
    random: Random
    issue: str
    other: str

    def edit(self, **fields: object) -> None:
        self.store.edit("issue", self.issue, fields, by=ME)

    def child(self, entity: str) -> str:
        return self.random.choice(self.store.tables[entity].hanging[self.issue])

    def field(self, name: str) -> str:
        there = self.store.get("issue", self.issue)
        assert there is not None
        return str(there.fields[name])


def drop(place: Place) -> None:
    place.store.remove("issue", place.issue, by=ME)


def drop_a_run(place: Place) -> None:
    keys = place.store.tables["issue"].keys
    at = keys.index(place.issue)
    for key in list(keys[at : at + 3]):
        place.store.remove("issue", key, by=ME)


def swap_ids(place: Place) -> None:
    table = place.store.tables["issue"]
    one, other = table.xids[place.issue], table.xids[place.other]
    table.sign(place.issue, "")
    table.sign(place.other, one)
    table.sign(place.issue, other)


def lose_the_id(place: Place) -> None:
    place.store.tables["issue"].sign(place.issue, "")


def cut_a_field(place: Place) -> None:
    place.edit(title=place.field("title")[:-2])


def empty_a_field(place: Place) -> None:
    place.edit(title="")


def cut_a_document(place: Place) -> None:
    document = {"type": "doc", "version": 1, "content": [_paragraph("First line of it.")]}
    place.edit(body=document)


def shift_the_zone(place: Place) -> None:
    moment = datetime.fromisoformat(place.field("opened"))
    place.edit(opened=(moment + timedelta(hours=place.random.choice((-2, 1, 3)))).isoformat())


def keep_a_stale_value(place: Place) -> None:
    place.edit(priority="low" if place.field("priority") == "high" else "high")


def scale_a_number(place: Place) -> None:
    place.edit(effort=float(place.field("effort")) * 60 + 1)


def lose_a_label(place: Place) -> None:
    place.edit(labels=["vpn"])


def add_a_label(place: Place) -> None:
    there = place.store.get("issue", place.issue)
    assert there is not None
    place.edit(labels=[*there.fields["labels"], "odd"])


def turn_a_flag(place: Place) -> None:
    place.edit(urgent=place.field("urgent") != "True")


def give_it_to_another(place: Place) -> None:
    there = place.store.get("issue", place.issue)
    assert there is not None
    if "assignee" in there.fields:
        place.edit(assignee="account-99")
    else:  # its person is not known there: the playbook leaves the field to the target
        cut_a_field(place)


def refer_to_another(place: Place) -> None:
    place.edit(cause="000000000000")


def set_back_the_status(place: Place) -> None:
    place.edit(status="new")


def duplicate(place: Place) -> None:
    there = place.store.get("issue", place.issue)
    assert there is not None
    place.store.create("issue", [Write(place.store.tables["issue"].xids[place.issue], there.fields)])


def add_a_stranger(place: Place) -> None:
    place.store.create("issue", [Write(f"odd{place.random.random()}", {"title": "who am I"})])


def lose_a_comment(place: Place) -> None:
    place.store.remove("comment", place.child("comment"), by=ME)


def cut_a_comment(place: Place) -> None:
    body = {"type": "doc", "version": 1, "content": [_paragraph("called")]}
    place.store.edit("comment", place.child("comment"), {"body": body}, by=ME)


def hang_a_comment_elsewhere(place: Place) -> None:
    key = place.child("comment")
    there, table = place.store.get("comment", key), place.store.tables["comment"]
    assert there is not None
    xid = table.xids[key]
    place.store.remove("comment", key, by=ME)
    place.store.create("comment", [Write(xid, there.fields, parent=place.other)])


def double_a_comment(place: Place) -> None:
    key = place.child("comment")
    there = place.store.get("comment", key)
    assert there is not None
    place.store.create("comment", [Write(place.store.tables["comment"].xids[key], there.fields, parent=place.issue)])


def lose_an_attachment(place: Place) -> None:
    place.store.remove("attachment", place.child("attachment"), by=ME)


def cut_an_attachment(place: Place) -> None:
    place.store.edit("attachment", place.child("attachment"), {"size_bytes": 1}, by=ME)


def lose_a_link(place: Place) -> None:
    for link in place.store.records("link"):
        if link.fields["from"] == place.issue:
            place.store.remove("link", link.key, by=ME)


def turn_a_link(place: Place) -> None:
    for link in place.store.records("link"):
        if link.fields["from"] == place.issue:
            place.store.edit("link", link.key, {"from": link.fields["to"], "to": place.issue}, by=ME)


def link_to_another(place: Place) -> None:
    for link in place.store.records("link"):
        if link.fields["from"] == place.issue:
            place.store.edit("link", link.key, {"to": "000000000000"}, by=ME)


def _paragraph(text: str) -> dict[str, object]:
    return {"type": "paragraph", "content": [{"type": "text", "text": text}]}


WAYS: list[Callable[[Place], None]] = [
    *(drop, drop_a_run, swap_ids, lose_the_id, cut_a_field, empty_a_field, cut_a_document, shift_the_zone),
    *(keep_a_stale_value, scale_a_number, lose_a_label, add_a_label, turn_a_flag, give_it_to_another),
    *(refer_to_another, set_back_the_status, duplicate, add_a_stranger, lose_a_comment, cut_a_comment),
    *(hang_a_comment_elsewhere, double_a_comment, lose_an_attachment, cut_an_attachment, lose_a_link, link_to_another),
    turn_a_link,
]


def write_playbook(folder: Path) -> None:
    write(folder, playbook=PLAYBOOK)
