"""Jira, read back: what stands there, whose it is, who else touched it, and how it is put back."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.jira.connector import Jira
from connectors.kit.contract import Rejected, Standing, Write, Written
from connectors.rehearsal.faults import Rule
from connectors.rehearsal.jira import JiraDouble
from connectors.rehearsal.jira.site import Options
from tests.jira.desk import by_xid, content, desk, fields, ids, person, write

MIA = person("mia@example.com", "acc-mia")


def site(**options: Any) -> JiraDouble:
    return JiraDouble(people=[MIA], options=Options(rewrites=True, **options))


async def by_mia(double: JiraDouble, op: str, issue: str, **more: Any) -> None:
    await double.scripted({"op": op, "issue": issue, "user": "mia@example.com", **more})


async def whole_census(jira: Jira, limit: int) -> list[Standing]:
    found: list[Standing] = []
    rest: str | None = ""
    while rest is not None:
        page = await jira.census("issue", rest, limit)
        found, rest = found + page.standings, page.rest
    return found


# ---------------------------------------------------------------- what stands


def text(limit: int) -> st.SearchStrategy[str]:
    return st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=limit)


SENT = st.fixed_dictionaries(
    {"summary": text(100).filter(str.strip)},
    optional={
        "description": text(200),
        "environment": st.lists(text(30), max_size=4).map("\r\n".join),
        "labels": st.lists(st.sampled_from("abcde"), max_size=4),
        "priority": st.sampled_from(["High", "high", "LOW", {"name": "Medium"}]),
        "duedate": st.dates().filter(lambda day: day.year >= 1000).map(str) | st.none(),
        "Source number": text(100) | st.none() | st.integers(),
        "customfield_10052": st.none()
        | st.floats(allow_nan=False, allow_infinity=False, width=32)
        | st.integers(-(10**18), 10**18)
        | st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**9), max_value=10**9).map(str),
        "customfield_10053": st.sampled_from(["Minor", {"value": "Moderate"}, None]),
        "customfield_10054": st.datetimes(timezones=st.timezones()).filter(lambda at: 1900 < at.year < 2100)
        | st.sampled_from(["2026-01-31 10:00:00", "2026-01-31T10:00:00.123456-05:00", "2026-01-31"]),
        "assignee": st.sampled_from(["acc-mia", {"accountId": "acc-mia"}, None]),
        "customfield_10057": st.lists(st.sampled_from(["Phone", "Web", "E-mail"]), max_size=3),
    },
)


@settings(max_examples=8, deadline=None)
@given(st.lists(SENT, min_size=1, max_size=30))
def test_whatever_is_sent_stands_as_it_was_sent(sent: list[dict[str, Any]]) -> None:
    async def run() -> None:
        async with desk(site()) as jira:
            await jira.learn("issue")
            writes = [
                Write(f"X{number:04d}", {"project": "DESK", "issuetype": "Incident", **one})
                for number, one in enumerate(sent)
            ]
            targets = await ids(jira, *writes)
            for target, one in zip(targets, writes, strict=True):
                there = (await jira.stand("issue", [target], list(one.fields)))[target]
                assert there.fields == jira.canonical("issue", one.fields)
                assert there.xid == one.xid

    asyncio.run(run())


def test_a_choice_sent_by_its_id_is_told_by_name_once_it_was_seen() -> None:
    async def run() -> None:
        async with desk(site()) as jira:
            await jira.learn("issue")
            one = Write("X1", fields("one", priority={"id": "2"}))
            [target] = await ids(jira, one)
            there = (await jira.stand("issue", [target], ["priority"]))[target]
            assert jira.canonical("issue", {"priority": {"id": "2"}}) == there.fields

    asyncio.run(run())


def test_choices_are_told_by_the_names_that_people_see() -> None:
    async def run() -> None:
        async with desk(site()) as jira:
            await jira.learn("issue")
            sent = fields("one", issuetype="INCIDENT", priority="high", customfield_10053="Minor")
            assert jira.canonical("issue", {**sent, "issuetype": "10001"})["issuetype"] != "10001"
            told = {"project": "DESK", "issuetype": "Incident", "summary": "one", "priority": "High"}
            assert jira.canonical("issue", sent) == told | {"customfield_10053": "Minor"}
            [target] = await ids(jira, Write("X1", sent))
            assert (await jira.stand("issue", [target], list(sent)))[target].fields == jira.canonical("issue", sent)

    asyncio.run(run())


def test_a_clone_with_our_label_is_not_ours() -> None:
    double = site()

    async def run() -> None:
        async with desk(double) as jira:
            [mine] = await ids(jira, write(1))
            labels = by_xid(double)["XID0001"][0]["fields"]["labels"]
            clone = await double.scripted({"op": "create", "fields": _plain(labels=labels)})
            there = await jira.stand("issue", [mine, clone["id"]], ["labels"])
            assert [there[mine].xid, there[clone["id"]].xid] == ["XID0001", ""]
            assert there[mine].fields == {} and there[clone["id"]].fields == {"labels": labels}
            assert [one.target for one in await whole_census(jira, 10)] == [mine]

    asyncio.run(run())


def test_swapped_ids_show() -> None:
    double = site()

    async def run() -> None:
        async with desk(double) as jira:
            one, two = await ids(jira, write(1), write(2))
            for target, xid in ((one, "XID0002"), (two, "XID0001")):
                await double.scripted({"op": "property", "issue": target, "key": "cutover", "value": {"x": xid}})
            there = await jira.stand("issue", [one, two], [])
            assert [there[one].xid, there[two].xid] == ["XID0002", "XID0001"]

    asyncio.run(run())


def test_the_census_leaves_out_what_is_not_of_the_migration() -> None:
    double = site()

    async def run() -> None:
        async with desk(double) as jira:
            await double.scripted({"op": "create", "fields": _plain()})  # ours by account, and unsigned
            await double.scripted({"op": "create", "user": "mia@example.com", "fields": _plain()})
            mine = await ids(jira, *(write(number) for number in range(7)))
            for limit in (1, 3, 100):
                found = await whole_census(jira, limit)
                assert [one.target for one in found] == mine
                assert [one.xid for one in found] == [f"XID{number:04d}" for number in range(7)]
            assert await jira.tally("issue") is None

    asyncio.run(run())


def test_a_field_of_our_own_makes_the_tally() -> None:
    double = site()

    async def run() -> None:
        async with desk(double, external_id={"field": "customfield_10050"}) as jira:
            await double.scripted({"op": "create", "fields": _plain()})
            mine = await ids(jira, *(write(number) for number in range(4)))
            assert [one.target for one in await whole_census(jira, 3)] == mine
            assert await jira.tally("issue") == 4

    asyncio.run(run())


# ---------------------------------------------------------------- what hangs


def test_comments_files_and_links_are_told_and_taken_away_twice() -> None:
    double = site()

    async def run() -> None:
        async with desk(double) as jira:
            one, two = await ids(jira, write(1), write(2))
            await jira.create("comment", [Write(f"C{n:02}", {"body": f"*{n}*"}, parent=one) for n in range(25)])
            file = Write("F1", {"filename": "a.txt", "size": 6}, parent=one, content=content(b"abcdef"))
            await jira.create("attachment", [file])
            await jira.create("link", [Write("L1", {"type": "Relates", "from": one, "to": two})])
            comments = await jira.hanging("issue", "comment", [one, two])
            assert [there.xid for there in comments] == [f"C{n:02}" for n in range(25)]
            files = await jira.hanging("issue", "attachment", [one, two])
            assert [(there.parent, there.fields) for there in files] == [(one, {"filename": "a.txt", "size": 6})]
            links = await jira.hanging("issue", "link", [two, one])
            assert [(there.target, there.parent) for there in links] == [(f"{one}/Relates/{two}", one)]
            assert links[0].fields == jira.canonical("link", {"type": "Relates", "from": one, "to": two})
            back = f"{two}/relates/{one}"  # the same link: this type has one direction only
            assert list(await jira.stand("link", [back, f"{one}/Blocks/{two}"], ["type"])) == [back]
            for entity, there in (("comment", comments), ("attachment", files), ("link", links)):
                targets = [standing.target for standing in there]
                for _ in range(2):
                    outcomes = await jira.delete(entity, targets)
                    assert all(isinstance(outcome, Written) for outcome in outcomes)
                assert await jira.hanging("issue", entity, [one, two]) == []
                assert await jira.stand(entity, targets, []) == {}

    asyncio.run(run())


def test_a_comment_of_another_issue_does_not_stand_here() -> None:
    async def run() -> None:
        async with desk(site()) as jira:
            one, two = await ids(jira, write(1), write(2))
            [made] = await jira.create("comment", [Write("C1", {"body": "x"}, parent=one)])
            assert isinstance(made, Written)
            number = made.target.partition("/")[2]
            there = await jira.stand("comment", [made.target, f"{two}/{number}"], ["body"])
            assert list(there) == [made.target]

    asyncio.run(run())


def test_what_may_not_be_removed_is_refused_without_stopping() -> None:
    double = JiraDouble(denied=["DELETE_ISSUES", "DELETE_ALL_COMMENTS", "DELETE_ALL_ATTACHMENTS"])

    async def run() -> None:
        async with desk(double) as jira:
            [one] = await ids(jira, write(1))
            [said] = await jira.create("comment", [Write("C1", {"body": "x"}, parent=one)])
            [file] = await jira.create(
                "attachment", [Write("F1", {"filename": "a"}, parent=one, content=content(b"a"))]
            )
            assert isinstance(said, Written) and isinstance(file, Written)
            for entity, target in (("issue", one), ("comment", said.target), ("attachment", file.target)):
                [outcome] = await jira.delete(entity, [target])
                assert isinstance(outcome, Rejected) and outcome.xid == target

    asyncio.run(run())


# ---------------------------------------------------------------- who else


def test_every_kind_of_change_by_a_person_is_told() -> None:
    double = site()

    async def run() -> None:
        async with desk(double) as jira:
            targets = await ids(jira, *(write(number) for number in range(10)))
            for target in targets:
                await jira.create("comment", [Write(f"C{target}", {"body": "x"}, parent=target)])
            there = {issue["id"]: issue for issue in double.issues()}
            comment = {target: there[target]["comments"][0]["id"] for target in targets}
            await by_mia(double, "edit", targets[0], fields={"summary": "hers"})
            await by_mia(double, "status", targets[1], to="In Progress")
            await by_mia(double, "comment", targets[2], body="hers")
            await by_mia(double, "edit_comment", targets[3], comment=comment[targets[3]], body="hers")
            await by_mia(double, "delete_comment", targets[4], comment=comment[targets[4]])
            await by_mia(double, "attach", targets[5], name="hers.txt")
            await by_mia(double, "link", targets[6], type="Blocks", to=targets[7])
            for n in range(25):
                await jira.create("comment", [Write(f"M{n}", {"body": "x"}, parent=targets[8])])
            await by_mia(double, "comment", targets[8], body="hers, behind the first ones")
            await jira.update("issue", [Write("XID0000", {"summary": "ours again"}, targets[0])])
            told = await jira.others("issue", [*targets, "99999999"])
            assert told.keys() == set(targets[:9])
            assert {touch.by for touch in told.values()} == {"acc-mia"}
            assert await jira.me() != "acc-mia"

    asyncio.run(run())


def test_an_issue_that_somebody_else_made_was_touched_when_it_was_made() -> None:
    double = site()

    async def run() -> None:
        async with desk(double) as jira:
            hers = await double.scripted({"op": "create", "user": "mia@example.com", "fields": _plain()})
            assert (await jira.others("issue", [hers["id"]]))[hers["id"]].by == "acc-mia"

    asyncio.run(run())


# ---------------------------------------------------------------- putting back


def test_a_restored_issue_is_what_it_was_with_the_labels_that_people_gave_it() -> None:
    double = site()

    async def run() -> None:
        async with desk(double, external_id={"field": "customfield_10050"}) as jira:
            rich = {"type": "doc", "version": 1, "content": [{"type": "paragraph", "attrs": {"localId": "a"}}]}
            rich["content"].append({"type": "paragraph", "content": [{"type": "text", "text": "x"}]})
            hers = await double.scripted({"op": "create", "user": "mia@example.com", "fields": _plain(labels=["a"])})
            target = hers["id"]
            await by_mia(double, "edit", target, fields={"duedate": "2026-01-31", "priority": {"name": "Low"}})
            before = next(issue for issue in double.issues() if issue["id"] == target)
            names = ["summary", "labels", "duedate", "priority", "description", "assignee"]
            image = (await jira.image("issue", [target], names))[target]
            change = {"summary": "ours", "labels": ["b"], "duedate": None, "priority": "High", "description": rich}
            [done] = await jira.update("issue", [Write("X1", {**change, "assignee": "acc-mia"}, target)])
            assert isinstance(done, Written)
            assert (await jira.stand("issue", [target], []))[target].xid == "X1"
            for _ in range(2):
                [done] = await jira.restore("issue", [Write("", image, target)])
                assert isinstance(done, Written)
            after = next(issue for issue in double.issues() if issue["id"] == target)
            assert {**after, "updated": 0} == {**before, "updated": 0}

    asyncio.run(run())


def test_a_restore_that_was_cut_off_is_done_again() -> None:
    double = site()

    async def run() -> None:
        async with desk(double) as jira:
            [target] = await ids(jira, write(1))
            image = (await jira.image("issue", [target], ["summary"]))[target]
            await jira.update("issue", [Write("XID0001", {"summary": "changed"}, target)])
            double.faults.add(Rule("DELETE .*/properties/.*", "drop_before"))
            for _ in range(2):
                await jira.restore("issue", [Write("", image, target)])
            [issue] = double.issues()
            assert issue["fields"]["summary"] == "record 1"
            assert issue["properties"] == {} and "labels" not in issue["fields"]

    asyncio.run(run())


def _plain(**more: Any) -> dict[str, Any]:
    return {"project": {"key": "DESK"}, "issuetype": {"name": "Task"}, "summary": "by hand", **more}
