"""Answers that never come, come broken, or come too late: no record lost, none twice, and nobody is asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.rehearsal.faults import Rule
from connectors.rehearsal.jira import JiraDouble
from connectors.rehearsal.servicenow import ServiceNowDouble
from engine.wire import Pause, Resume, Status
from tests.proof.night import ALL_AT_ONCE, edit, full, night, until
from tests.proof.truth import proven

Prepare = Callable[[ServiceNowDouble, JiraDouble], None]
LAG = 5.0  # seconds


@pytest.mark.parametrize("strong", [pytest.param(True, id="by key"), pytest.param(False, id="by search", marks=full)])
def test_a_ghost_write_behind_a_lagging_index_makes_no_duplicate_and_needs_no_person(
    tmp_path: Path, strong: bool
) -> None:
    options = {"strong_reads": strong, "search_settle": LAG + 1}
    with night(tmp_path, 40, waves=ALL_AT_ONCE, jira=options) as it:
        answer = httpx.post(f"{it.urls['jira']}/_rehearsal/limits", json={"lag": LAG}, trust_env=False)
        assert answer.json()["lag"] == LAG
        it.jira.faults.add(
            Rule("POST .*/issue/bulk$", "drop_after", times=2),
            Rule("POST .*/comment$", "drop_after", times=3),
            Rule("POST .*/attachments$", "drop_after", times=2),
            Rule("POST .*/issueLink$", "drop_after", times=1),
            Rule("POST .*/transitions$", "drop_after", times=2),
        )
        status = it.drive()
        assert it.jira.faults.fired["drop_after"] == 10
        proven(it, status)
        assert nobody_asked(status)
        assert status is not None
        assert status.in_doubt_seen >= 10


@full
def test_a_create_that_is_applied_only_after_its_connection_was_lost_is_not_made_twice(tmp_path: Path) -> None:
    """The engine is killed while its call is on the way, and the target takes its time to apply it."""
    with night(tmp_path, 40, waves=ALL_AT_ONCE, jira={"late_commit": 3.0}) as it:
        it.jira.faults.add(Rule("POST .*/issue/bulk$", "slow", times=2, args={"seconds": 1.5}))
        it.start()
        it.run()
        until(lambda: it.jira.faults.fired["slow"] == 2, "two creates are on the way")
        it.kill()
        assert it.created() == 0
        proven(it, it.drive())


def test_what_the_target_is_asked_before_the_first_page_may_fail(tmp_path: Path) -> None:
    asked = "GET .*/createmeta/DESK/issuetypes$"
    with night(tmp_path, 20, waves=ALL_AT_ONCE, jira={"attempts": 2}) as it:
        edit(it.folder / "playbooks" / "incidents.yaml", everything_to_one_project)
        it.servicenow.latency = 0.2
        it.start()
        it.command("/pause", Pause(reason="once it is checked", by="ana"))
        it.run()
        it.jira.faults.add(Rule(asked, "status_before", times=2, args={"code": 500}))
        it.command("/resume", Resume(by="ana"))
        until(lambda: it.jira.faults.fired["status_before"] == 2, "the target was asked")
        assert it.created() == 0 and it.jira.calls["POST /rest/api/3/issue/bulk"] == 0
        proven(it, it.ended())


def everything_to_one_project(book: Any) -> None:
    book["entities"][0]["fields"] |= {"project": {"constant": "DESK"}, "issuetype": {"constant": "Task"}}


def test_bad_weather_of_every_kind_on_both_sides(tmp_path: Path) -> None:
    cut = Rule("", "truncated", None, 0.02, {"early_close": True})
    sorts = rates(status_before=0.02, status_after=0.02, html_200=0.02, drop_before=0.02, drop_after=0.02)
    bad_weather(tmp_path, lambda: [cut_of(cut), *sorts()], seen=3)


@full
def test_500_before_and_after_the_commit_on_both_sides(tmp_path: Path) -> None:
    bad_weather(tmp_path, rates(status_before=0.04, status_after=0.04))


@full
def test_json_that_ends_in_the_middle_and_pages_for_people(tmp_path: Path) -> None:
    bad_weather(tmp_path, rates(truncated=0.05, html_200=0.05))


@full
def test_connections_cut_before_in_and_after_the_body(tmp_path: Path) -> None:
    cut = Rule("", "truncated", None, 0.05, {"early_close": True})
    bad_weather(tmp_path, lambda: [cut_of(cut), *rates(drop_before=0.04, drop_after=0.04)()])


def test_tokens_that_expire_with_calls_on_the_way(tmp_path: Path) -> None:
    auth = {
        "servicenow": {
            "kind": "oauth2",
            "grant": "password",
            "client_id": "cutover-client",
            "client_secret": "${env:SERVICENOW_PASSWORD}",
            "user": "${env:SERVICENOW_USER}",
            "password": "${env:SERVICENOW_PASSWORD}",
        },
        "jira": {
            "kind": "oauth2",
            "client_id": "cutover",
            "client_secret": "${env:JIRA_TOKEN}",
            "token_url": "/oauth/token",
        },
    }

    def slow(servicenow: ServiceNowDouble, jira: JiraDouble) -> None:
        servicenow.latency = jira.latency = 0.03
        servicenow.settings.token_seconds = 1.0

    with night(tmp_path, 60, waves=ALL_AT_ONCE, auth=auth, before=slow) as it:
        it.start()
        it.run()
        expired = 0
        for issues in (1, 25, 45):
            until(lambda n=issues: it.created() >= n, f"{issues} issues", 40, it.story)  # type: ignore[misc]
            answer = httpx.post(f"{it.urls['jira']}/_rehearsal/write", json={"op": "expire_tokens"}, trust_env=False)
            expired += answer.json()["result"]
        status = it.ended()
        it.end()
        proven(it, status)
        assert nobody_asked(status)
        assert expired == 3, "one token at a time serves all calls"
        assert it.jira.answers[401] + it.jira.answers[404] > 0, "no call was on the way when its token expired"


# ---------------------------------------------------------------- helpers


def bad_weather(folder: Path, rules: Callable[[], list[Rule]], seen: int = 2) -> None:
    """A night with these faults on every call to either system, of which each meets so many kinds at least."""

    def prepare(servicenow: ServiceNowDouble, jira: JiraDouble) -> None:
        for double in (servicenow, jira):
            double.faults.add(*rules())

    with night(folder, 25, waves=ALL_AT_ONCE, before=prepare) as it:
        status = it.drive(patience=110)
        for double in (it.servicenow, it.jira):
            assert len(double.faults.fired) >= seen, f"{double.name} was spared"
            double.faults.clear()
        proven(it, status)
        assert nobody_asked(status)


def rates(**kinds: float) -> Callable[[], list[Rule]]:
    return lambda: [Rule("", kind, None, rate) for kind, rate in kinds.items()]


def cut_of(rule: Rule) -> Rule:
    return Rule.read(rule.show())


def nobody_asked(status: Status | None) -> bool:
    return status is not None and not status.holds and all(not wave.cause for wave in status.waves)
