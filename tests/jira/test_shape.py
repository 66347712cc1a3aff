"""Plain values take the shapes that Jira wants; what fits no field is told without its value."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from connectors.jira import adf
from connectors.jira.canonical import rich
from connectors.jira.shape import Misfit, Screen
from connectors.kit.document import Document

CUSTOM = "com.atlassian.jira.plugin.system.customfieldtypes"


def meta(id: str, name: str, **schema: Any) -> dict[str, Any]:
    return {"fieldId": id, "key": id, "name": name, "required": False, "operations": ["set"], "schema": schema}


SCREEN = Screen(
    [
        meta("summary", "Summary", type="string", system="summary"),
        meta("description", "Description", type="string", system="description"),
        meta("priority", "Priority", type="priority", system="priority"),
        meta("assignee", "Assignee", type="user", system="assignee"),
        meta("labels", "Labels", type="array", items="string", system="labels"),
        meta("components", "Components", type="array", items="component", system="components"),
        meta("duedate", "Due date", type="date", system="duedate"),
        meta("parent", "Parent", type="issuelink", system="parent"),
        meta("customfield_1", "Notes", type="string", custom=f"{CUSTOM}:textarea"),
        meta("customfield_2", "Source number", type="string", custom=f"{CUSTOM}:textfield"),
        meta("customfield_3", "Count", type="number", custom=f"{CUSTOM}:float"),
        meta("customfield_4", "Region", type="option", custom=f"{CUSTOM}:select"),
        meta("customfield_5", "Regions", type="array", items="option", custom=f"{CUSTOM}:multiselect"),
        meta("customfield_6", "Opened", type="datetime", custom=f"{CUSTOM}:datetime"),
        meta("customfield_7", "Place", type="option-with-child", custom=f"{CUSTOM}:cascadingselect"),
        meta("customfield_8", "Twin", type="string", custom=f"{CUSTOM}:textfield"),
        meta("customfield_9", "Twin", type="string", custom=f"{CUSTOM}:textfield"),
    ],
    "create",
)

ADF = {"type": "doc", "version": 1, "content": []}


@pytest.mark.parametrize(
    ("field", "value", "shaped"),
    [
        ("priority", "High", {"name": "High"}),
        ("priority", {"id": "2"}, {"id": "2"}),
        ("assignee", "5b10ac8d82e05b22cc7d4ef5", {"accountId": "5b10ac8d82e05b22cc7d4ef5"}),
        ("labels", "one", ["one"]),
        ("labels", ["one", None, "two"], ["one", "two"]),
        ("components", ["Network"], [{"name": "Network"}]),
        ("duedate", "2026-01-31", "2026-01-31"),
        ("duedate", "2026-01-31 10:00:00", "2026-01-31"),
        ("parent", "DESK-7", {"key": "DESK-7"}),
        ("parent", "10007", {"id": "10007"}),
        ("description", ADF, ADF),
        ("customfield_2", 42, "42"),
        ("customfield_3", "4.50", 4.5),
        ("customfield_3", "42", 42),
        ("customfield_3", 7, 7),
        ("customfield_4", "EMEA", {"value": "EMEA"}),
        ("customfield_5", ["EMEA", "APAC"], [{"value": "EMEA"}, {"value": "APAC"}]),
        ("customfield_6", "2026-01-31T10:00:00.5+02:00", "2026-01-31T08:00:00.500+0000"),
        ("customfield_6", "2026-01-31 10:00:00", "2026-01-31T10:00:00.000+0000"),
        ("customfield_7", ["Europe", "Sofia"], {"value": "Europe", "child": {"value": "Sofia"}}),
        ("customfield_7", "Europe", {"value": "Europe"}),
        ("summary", None, None),
    ],
)
def test_a_plain_value_takes_the_shape_of_its_field(field: str, value: Any, shaped: Any) -> None:
    assert SCREEN.shape({field: value}) == {field: shaped}


def test_plain_text_becomes_a_document_without_empty_text_nodes() -> None:
    document = SCREEN.shape({"customfield_1": "one\ntwo\n\n\nthree"})["customfield_1"]
    assert document["type"] == "doc"
    nodes = [node for paragraph in document["content"] for node in paragraph["content"]]
    assert [node.get("text") for node in nodes] == ["one", None, "two", None, "three"]


def test_a_field_may_be_named_as_people_see_it() -> None:
    assert SCREEN.shape({"Source number": "INC1"}) == {"customfield_2": "INC1"}


def test_a_name_that_two_fields_share_finds_none() -> None:
    with pytest.raises(Misfit) as misfit:
        SCREEN.shape({"Twin": "x"})
    assert misfit.value.field == "Twin"


@pytest.mark.parametrize(
    ("field", "value", "cause"),
    [
        ("customfield_99", "SECRET", "field not on the create screen"),
        ("customfield_3", "SECRET", "not a number"),
        ("customfield_3", "nan", "not a number"),
        ("customfield_3", True, "not a number"),
        ("duedate", "SECRET", "not a date"),
        ("customfield_6", "SECRET", "not a date and time"),
        ("summary", {"SECRET": 1}, "not a text"),
        ("customfield_7", ["SECRET", "b", "c"], "not a choice and one below it"),
    ],
)
def test_what_does_not_fit_is_told_by_field_and_without_its_value(field: str, value: Any, cause: str) -> None:
    with pytest.raises(Misfit) as misfit:
        SCREEN.shape({field: value})
    assert (misfit.value.cause, misfit.value.field) == (cause, field)
    assert "SECRET" not in str(misfit.value)


def test_a_null_for_a_field_that_is_not_there_is_left_out() -> None:
    assert SCREEN.shape({"customfield_99": None}) == {}


def test_a_document_has_the_form_of_its_map() -> None:
    doc = adf.plain("two\nlines\n\nand more")
    assert rich(Document(orjson.dumps(doc))) == rich(doc)
