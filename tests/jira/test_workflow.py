"""Ways through a workflow that is known in part."""

from __future__ import annotations

from typing import Any

from connectors.jira.moves import given
from connectors.jira.shape import Misfit
from connectors.jira.workflow import Graph, Step, steps_of


def step(id: str, to: str, done: bool = False) -> Step:
    return Step(id, to, f"status {to}", done, {})


def graph() -> Graph:
    known = Graph()
    known.learn("1", [step("a", "2"), step("b", "3")])
    known.learn("2", [step("c", "4"), step("d", "1")])
    known.learn("3", [step("e", "3")])
    return known


def ids(way: list[Step] | None) -> list[str] | None:
    return None if way is None else [one.id for one in way]


def test_the_direct_step_is_preferred() -> None:
    known = graph()
    known.learn("1", [step("a", "2"), step("z", "4"), step("b", "3")])
    assert ids(known.path("1", "status 4")) == ["z"]


def test_the_shortest_known_way_is_found() -> None:
    assert ids(graph().path("1", "status 4")) == ["a", "c"]


def test_a_status_nobody_leads_to_has_no_way() -> None:
    assert graph().path("3", "status 1") is None


def test_a_refused_step_is_avoided_from_where_it_was_refused() -> None:
    assert graph().path("1", "status 4", frozenset({("2", "c")})) is None


def test_the_frontier_is_what_can_be_reached_and_is_not_explored() -> None:
    assert [ids(way) for way in graph().frontier("1")] == [["a", "c"]]
    assert graph().frontier("3") == []


def test_loops_end() -> None:
    known = Graph()
    known.learn("1", [step("a", "2")])
    known.learn("2", [step("b", "1")])
    assert known.path("1", "status 9") is None


def test_steps_that_close_an_issue_come_last() -> None:
    def transition(id: str, category: str) -> dict[str, Any]:
        return {"id": id, "name": id, "to": {"id": id, "name": id, "statusCategory": {"key": category}}}

    steps = steps_of({"transitions": [transition("1", "done"), transition("2", "indeterminate")]})
    assert [one.id for one in steps] == ["2", "1"]


RESOLUTION = {"name": "Resolution", "required": True, "schema": {"type": "resolution", "system": "resolution"}}
NOTE = {"name": "Note", "required": False, "schema": {"type": "string"}}


def test_the_last_step_gets_all_that_its_screen_has_a_field_for() -> None:
    last = Step("1", "4", "done", True, {"resolution": RESOLUTION, "note": NOTE})
    fields = {"resolution": "Done", "note": "n", "other": "x"}
    assert given(last, fields, final=True) == {"resolution": {"name": "Done"}, "note": "n"}


def test_a_step_on_the_way_gets_only_what_it_requires() -> None:
    way = Step("1", "4", "done", True, {"resolution": RESOLUTION, "note": NOTE})
    assert given(way, {"resolution": "Done", "note": "n"}, final=False) == {"resolution": {"name": "Done"}}


def test_a_required_field_that_the_mapping_lacks_is_named() -> None:
    last = Step("1", "4", "done", True, {"resolution": RESOLUTION})
    try:
        given(last, {}, final=True)
    except Misfit as misfit:
        assert misfit.field == "resolution"
    else:
        raise AssertionError("a step without its required field was let through")
