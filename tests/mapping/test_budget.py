from __future__ import annotations

import time
from typing import Any

from connectors.kit.contract import Record

FIELDS = {
    "summary": "short_description",
    "description": {"from": "description", "rich_text": {"from": "plain", "to": "adf"}},
    "priority": {"from": "priority", "map": {"1": "High", "3": "Medium"}},
    "labels": {"template": "group-{assignment_group.name}", "slug": True},
    "a": "number",
    "b": "category",
    "c": "severity",
    "d": "state",
    "e": {"constant": "x"},
    "f": "caller_id",
}
INCIDENT = Record(
    "1",
    "1",
    dict.fromkeys(("short_description", "number", "category", "severity", "state", "caller_id"), "INC0010001")
    | {"priority": "3", "assignment_group.name": "Service Desk"}
    | {"description": "The printer on the third floor.\nIt does not print.\n\nPlease help.\n" * 4},
)


def test_the_cost_of_a_typical_incident_is_printed(mapper: Any, capsys: Any) -> None:
    compiled = mapper(FIELDS)
    chunk = [INCIDENT] * 500
    best = 1.0
    for _ in range(20):
        start = time.process_time()
        compiled.map(chunk, {})
        best = min(best, time.process_time() - start)
    with capsys.disabled():
        print(f"\nmapping a typical incident (10 rules): {best / len(chunk) * 1e6:.1f} µs of 8")
