"""What a bulk answer says about each record, and that no cause carries what was sent."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from connectors.jira import answers
from connectors.kit.contract import Failed, Rejected, Write, Written
from connectors.kit.document import Document
from connectors.kit.errors import InDoubt

WRITES = [Write(f"X{number}", {"summary": f"secret words {number}"}) for number in range(4)]


def issue(id: int) -> dict[str, Any]:
    return {"id": str(id), "key": f"DESK-{id}", "self": "…"}


def failure(number: int, status: int = 400, **errors: str) -> dict[str, Any]:
    return {
        "status": status,
        "failedElementNumber": number,
        "elementErrors": {"errorMessages": [], "errors": errors},
    }


def test_successes_fill_the_places_that_failures_leave() -> None:
    body = {"issues": [issue(10), issue(11)], "errors": [failure(2, summary="Bad."), failure(0, summary="Bad.")]}
    outcomes = answers.created(body, WRITES)
    assert outcomes is not None
    assert [outcome for outcome, _ in outcomes] == [
        Rejected("X0", "Bad.", "summary"),
        Written("X1", "10"),
        Rejected("X2", "Bad.", "summary"),
        Written("X3", "11"),
    ]
    assert [key for _, key in outcomes] == ["", "DESK-10", "", "DESK-11"]


@pytest.mark.parametrize(
    "body",
    [
        {"issues": [issue(10)], "errors": []},
        {"issues": [issue(n) for n in range(5)], "errors": []},
        {"issues": [issue(10), issue(11), issue(12)], "errors": [failure(9)]},
    ],
)
def test_an_answer_that_does_not_add_up_is_a_doubt_not_a_guess(body: Any) -> None:
    with pytest.raises(InDoubt):
        answers.created(body, WRITES)


@pytest.mark.parametrize("body", [None, [], {}, {"errorMessages": ["Bad."], "errors": {}}])
def test_an_answer_that_names_no_record_says_so(body: Any) -> None:
    assert answers.created(body, WRITES) is None


def test_a_server_error_on_one_record_is_a_doubt_about_that_record() -> None:
    body = {"issues": [issue(10), issue(11), issue(12)], "errors": [failure(1, status=500)]}
    outcome = (answers.created(body, WRITES) or [])[1][0]
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, InDoubt)


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        ("The priority 'Sky high' is invalid.", "The priority '…' is invalid."),
        ("Priority Sky high does not exist.", "Priority … does not exist."),
        ("User mia@example.com cannot be assigned.", "User … cannot be assigned."),
        ("Number 4711 is too large.", "Number … is too large."),
        ("second line is bad.", "… is bad."),
        ("Summary is required.", "Summary is required."),
    ],
)
def test_a_cause_carries_nothing_that_was_sent(message: str, cause: str) -> None:
    fields = {"priority": "Sky high", "size": 4711, "doc": {"content": [{"text": "first line\nsecond line"}]}}
    assert answers.scrub(message, fields) == cause
    assert answers.scrub(message, fields | {"doc": Document(orjson.dumps(fields["doc"]))}) == cause
