"""Long operations: accepted at once, done a moment later, watched by polling."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from connectors.rehearsal.jira.catalogue import User


@dataclass(slots=True)
class Task:
    """Moments in milliseconds. `failed`: issue id to its errors."""

    id: int
    user: User
    created: int
    total: int
    status: str = "ENQUEUED"
    started: int = 0
    updated: int = 0
    done: list[int] = field(default_factory=list)
    failed: dict[str, list[str]] = field(default_factory=dict)
    unknown: int = 0  # what was named but is not there

    def show(self) -> dict[str, Any]:
        """As /bulk/queue shows it."""
        handled = len(self.done) + len(self.failed) + self.unknown
        doc: dict[str, Any] = {
            "taskId": str(self.id),
            "status": self.status,
            "progressPercent": 100 if self.status == "COMPLETE" else 100 * handled // max(1, self.total),
            "submittedBy": {"accountId": self.user.account_id},
            "created": self.created,
            "updated": self.updated or self.created,
            "totalIssueCount": self.total,
            "processedAccessibleIssues": self.done,
            "invalidOrInaccessibleIssueCount": self.unknown,
        }
        if self.started:
            doc["started"] = self.started
        if self.failed:
            doc["failedAccessibleIssues"] = self.failed
        return doc


class Tasks:
    """`seconds`: how long each operation waits in the queue."""

    def __init__(self, sleep: Callable[[float], Awaitable[None]], millis: Callable[[], int], seconds: float) -> None:
        self._sleep = sleep
        self._millis = millis
        self._seconds = seconds
        self._running: set[asyncio.Task[None]] = set()
        self.held: dict[int, Task] = {}

    def start(self, id_: int, user: User, total: int, work: Callable[[Task], None]) -> Task:
        task = Task(id_, user, self._millis(), total)
        self.held[id_] = task
        running = asyncio.create_task(self._run(task, work))
        self._running.add(running)
        running.add_done_callback(self._running.discard)
        return task

    async def _run(self, task: Task, work: Callable[[Task], None]) -> None:
        await self._sleep(self._seconds)
        task.status, task.started = "RUNNING", self._millis()
        work(task)
        task.status, task.updated = "COMPLETE", self._millis()

    def close(self) -> None:
        for running in self._running:
            running.cancel()
