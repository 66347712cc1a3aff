"""What the plain scripts share: which fields become what, and how they measure themselves."""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import time
from collections.abc import Awaitable, Callable
from typing import Any

PAGE = 1000
BULK = 50
CONCURRENCY = 16
SERVICENOW = ("cutover", "rehearsal")
JIRA = ("cutover@example.com", "rehearsal")
INCIDENTS = "/api/now/v2/table/incident"
CREATE = "/rest/api/3/issue/bulk"

_FIELDS = "sys_id,number,short_description,description,priority"
_PRIORITIES = {"1": "Highest", "2": "High", "3": "Medium", "4": "Low", "5": "Lowest"}

Row = dict[str, str]


def after(last: str) -> dict[str, str]:
    """The parameters of the page that begins after the sys_id `last`."""
    return {
        "sysparm_query": f"sys_id>{last}^ORDERBYsys_id" if last else "ORDERBYsys_id",
        "sysparm_fields": _FIELDS,
        "sysparm_limit": str(PAGE),
        "sysparm_exclude_reference_link": "true",
        "sysparm_no_count": "true",
    }


def creates(rows: list[Row]) -> dict[str, Any]:
    """The body of one bulk create."""
    return {"issueUpdates": [issue(row) for row in rows]}


def issue(row: Row) -> dict[str, Any]:
    """One incident as an issue that carries the incident's id as a label and as a property."""
    sys_id = row["sys_id"]
    fields: dict[str, Any] = {
        "project": {"key": "DESK"},
        "issuetype": {"name": "Task"},
        "summary": row["short_description"],
        "priority": {"name": _PRIORITIES.get(row["priority"], "Low")},
        "customfield_10050": row["number"],
        "labels": ["migrated", f"cutover-{sys_id}"],
    }
    if row["description"]:
        fields["description"] = document(row["description"])
    return {"fields": fields, "properties": [{"key": "cutover", "value": {"x": sys_id}}]}


def document(text: str) -> dict[str, Any]:
    """Plain text as ADF: a blank line parts paragraphs, a newline is a hard break."""
    return {"type": "doc", "version": 1, "content": [_paragraph(part) for part in text.split("\n\n")]}


def _paragraph(text: str) -> dict[str, Any]:
    content: list[dict[str, str]] = []
    for line in text.split("\n"):
        if line:
            content.append({"type": "text", "text": line})
        content.append({"type": "hardBreak"})
    return {"type": "paragraph", "content": content[:-1]}


def measure(move: Callable[[str, str], Awaitable[int]], run: Callable[..., int] = asyncio.run) -> None:
    """Move everything and print {records, seconds, cpu_seconds}; start-up and imports do not count."""
    parser = argparse.ArgumentParser()
    parser.add_argument("servicenow", metavar="SERVICENOW-URL")
    parser.add_argument("jira", metavar="JIRA-URL")
    urls = parser.parse_args()
    began, spent = time.perf_counter(), _cpu()
    moved = run(move(urls.servicenow, urls.jira))
    figures = {"records": moved, "seconds": time.perf_counter() - began, "cpu_seconds": _cpu() - spent}
    print(json.dumps(figures))


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
