"""The playbook that `cutover init` writes, over one incident and one of its comments."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from ruamel.yaml import YAML

from connectors.kit.contract import Record
from engine.mapping import Mapped, Mapper, Ref, compile_entity
from engine.richtext import plain
from runbooks.playbook import Playbook

INCIDENT = {
    "number": "INC0010001",
    "category": "network",
    "severity": "2",
    "short_description": "Printer broken",
    "description": "It does not print.\n\nPlease help.",
    "priority": "3",
    "caller_id": "u1",
    "assigned_to": "u2",
    "assignment_group.name": "Service Desk",
    "due_date": "",
    "reassignment_count": "1",
    "reopen_count": "2",
    "state": "6",
    "close_code": "Solved (Permanently)",
    "parent_incident": "p9",
}


def library() -> Mapper:
    text = (files("runbooks") / "library/servicenow-to-jira/playbooks/incidents.yaml").read_text(encoding="utf-8")
    playbook = Playbook.model_validate(YAML(typ="safe").load(text))
    return compile_entity(playbook.entities[0], where=str, secret=b"key")


def test_an_incident_becomes_an_issue() -> None:
    mapper = library()
    assert set(INCIDENT) == set(mapper.needs)
    done: Any = mapper.map([Record("k", "1", INCIDENT)], {"u1": "acc1", "u2": None})[0]
    assert isinstance(done, Mapped)
    assert (done.fields["project"], done.fields["issuetype"], done.fields["priority"]) == (
        "INFRA",
        "Incident",
        "Medium",
    )
    assert (done.fields["reporter"], "assignee" in done.fields) == ("acc1", False)
    assert (done.fields["duedate"], done.fields["customfield_10051"]) == (None, "3")
    assert done.fields["labels"] == ["migrated", "group-Service-Desk"]
    assert (done.status, done.status_fields) == ("Done", {"resolution": "Done"})
    assert done.refs == (Ref("Relates", "link", "incident", "p9"),)


def test_a_comment_says_who_wrote_it_and_when() -> None:
    comments, attachments = library().children
    note = {"sys_created_by": "ann", "sys_created_on": "2024-01-31 10:00:00", "element": "comments", "value": "Hi"}
    done: Any = comments.map([Record("c", "1", note)], {})[0]
    assert plain.write(done.fields["body"]) == "ann wrote on 2024-01-31 10:00:00 UTC (comments):\n\nHi"
    assert attachments.map([Record("a", "1", {})], {}) == [Mapped("a", {}, None, {}, ())]
