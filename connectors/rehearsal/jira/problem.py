"""How the API says no."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

GONE = "Issue does not exist or you do not have permission to see it."


class Problem(Exception):
    """An answer other than success: `status` and the error collection that every endpoint shares."""

    def __init__(
        self, status: int, messages: Iterable[str] = (), errors: Mapping[str, str] | None = None, text: str = ""
    ) -> None:
        super().__init__(f"status {status}")
        self.status = status
        self.messages = list(messages)
        self.errors = dict(errors or {})
        self.text = text  # a plain-text body instead of JSON, where the vendor answers so

    def body(self) -> dict[str, Any]:
        return {"errorMessages": self.messages, "errors": self.errors}


def bad(message: str) -> Problem:
    return Problem(400, [message])


def bad_field(field: str, message: str) -> Problem:
    return Problem(400, errors={field: message})


def missing_issue() -> Problem:
    return Problem(404, [GONE])


def missing(what: str) -> Problem:
    return Problem(404, [what])
