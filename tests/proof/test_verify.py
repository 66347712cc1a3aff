"""The verifier over HTTP: what people do at a rehearsal Jira it names, what they add it leaves in peace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from connectors.rehearsal.jira.control import perform
from engine.wire import Verify, VerifyReport
from tests.proof.night import Night, night, until


def verified(it: Night) -> VerifyReport:
    it.command("/verify", Verify(by="ana"))
    seen: list[VerifyReport] = []

    def over() -> bool:
        seen.append(it.ask("/verify", VerifyReport))
        return not seen[-1].running

    until(over, "it is verified", 60, it.story)
    assert not seen[-1].problem
    return seen[-1]


def test_what_people_changed_at_the_target_is_named_and_what_they_added_is_theirs(tmp_path: Path) -> None:
    with night(tmp_path, 30) as it:
        assert it.drive() is not None
        it.start()
        clean = verified(it)
        assert [(wave.ok, wave.findings) for wave in clean.waves] == [(True, []), (True, [])]
        assert sum(entity.compared for wave in clean.waves for entity in wave.entities) == it.created()

        somebody = next(user for user in it.jira.site.catalogue.by_email if "cutover" not in user)

        def does(op: str, issue: dict[str, Any], **rest: Any) -> None:
            perform(it.jira.site, {"op": op, "issue": issue["id"], "user": somebody, **rest})

        issues = sorted(it.jira.issues(), key=lambda issue: int(issue["id"]))
        commented = next(issue for issue in issues if issue["comments"])
        edited, told, gone = [issue for issue in issues if issue is not commented][:3]
        does("edit", edited, fields={"summary": "by a person"})
        does("attach", told, name="notes.txt", content="by a person")
        does("delete_comment", commented, comment=commented["comments"][0]["id"])
        does("delete", gone)
        findings = [finding for wave in verified(it).waves for finding in wave.findings]
        found = {(finding.kind, finding.field, finding.entity) for finding in findings}
        expected = {
            ("changed", "summary", "incident"),
            ("missing", "", "incident/sys_journal_field"),
            ("missing", "", "incident"),
        }
        assert {each for each in found if not each[1].startswith("link ")} == expected
        assert all(finding.by for finding in findings if finding.field == "summary")
        it.end()
