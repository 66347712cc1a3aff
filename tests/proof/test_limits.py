"""Every limiter of both systems at its hardest: the run ends, nothing is lost, no attempt is spent, and each wait has a
name."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.rehearsal.base import Time
from connectors.rehearsal.faults import Rule
from connectors.rehearsal.jira import JiraDouble
from connectors.rehearsal.servicenow import ServiceNowDouble
from engine.wire import Pause, Resume
from tests.proof.night import ALL_AT_ONCE, Night, full, night, until
from tests.proof.truth import proven

HOUR = 3600.0


class SoonFull(Time):
    """A clock on which the hour ends when the test says so."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self._ahead)

    def let_the_hour_end_in(self, seconds: float) -> None:
        now = self.now().timestamp()
        self._ahead += math.ceil(now / HOUR) * HOUR - now - seconds


def the_hour_and_the_issue(servicenow: ServiceNowDouble, jira: JiraDouble) -> None:
    """ServiceNow's calls an hour, counted late; Jira's writes to one issue."""
    servicenow.limits({"per_hour": 15, "window": 3.0, "flush": 0.2})
    # Whoever shares our account spends from the same count: then it refuses calls that we had left.
    servicenow.faults.add(Rule("GET", "throttle", 5, 0.5, {"seconds": 1.0}))
    jira.limits({"issue_writes": [[2, 1.0]]})


def the_pool_and_the_burst(servicenow: ServiceNowDouble, jira: JiraDouble) -> None:
    """ServiceNow's calls at once; Jira's calls a second to one endpoint."""
    servicenow.limits({"semaphores": 1, "queue": 0})
    servicenow.latency = 0.05
    jira.limits({"burst": 10.0, "bucket": 8})


@full
@pytest.mark.parametrize(
    ("storm", "named"),
    [
        (the_hour_and_the_issue, ("servicenow: ", "jira: jira-per-issue-on-write")),
        (the_pool_and_the_burst, ("servicenow: ", "jira: jira-burst-based")),
    ],
)
def test_storms_of_limits_on_both_sides_are_waited_out(
    tmp_path: Path, storm: Callable[[ServiceNowDouble, JiraDouble], None], named: tuple[str, ...]
) -> None:
    limits = {"servicenow": {"concurrency": 8}, "jira": {"concurrency": 8}}
    with night(tmp_path, 16, waves=ALL_AT_ONCE, before=storm, limits=limits) as it:
        status = it.drive()
        assert it.servicenow.answers[429] > 0
        assert it.jira.answers[429] > 0
        assert status is not None
        assert status.retried == 0, "waiting cost attempts"
        assert not status.holds
        for name in named:
            seconds = sum(waiting.seconds for waiting in status.waiting if waiting.reason.startswith(name))
            assert seconds > 0, (name, status.waiting)
        proven(it, status)


def test_a_spent_quota_is_waited_out_until_the_hour_of_the_system_ends(tmp_path: Path) -> None:
    """By the system's clock, which is another one than ours; and longer than a single call may wait."""
    clock = SoonFull()
    limits = {"jira": {"concurrency": 8, "retry_wait": 1.0}}
    with night(tmp_path, 16, waves=ALL_AT_ONCE, limits=limits, clock=clock) as it:
        it.start()
        it.command("/pause", Pause(reason="once it is checked", by="ana"))
        it.run()
        it.jira.limits({"quota": 1})
        clock.let_the_hour_end_in(5)
        it.command("/resume", Resume(by="ana"))
        until(lambda: waits_for_its_quota(it), "it waits for its quota", 20, it.story)
        it.jira.limits({"quota": 100_000})  # which nobody tells us before the hour is over
        status = it.ended()
        it.end()
        assert status is not None
        assert not status.holds
        proven(it, status)


def waits_for_its_quota(it: Night) -> bool:
    status = it.status()
    return status is not None and any("quota" in waiting.reason and waiting.now for waiting in status.waiting)
