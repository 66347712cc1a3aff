"""Issues that were there before us, found by one field."""

from __future__ import annotations

import asyncio

import pytest

from connectors.kit.errors import Misconfigured
from connectors.rehearsal.jira import JiraDouble
from tests.jira.desk import desk, write

LAG = 0.05


async def made(double: JiraDouble, number: int, **more: object) -> str:
    whole = {"project": {"key": "DESK"}, "issuetype": {"name": "Task"}, "summary": f"there before {number}", **more}
    answer = await double.scripted({"op": "create", "fields": whole})
    return str(answer["id"])


def test_texts_numbers_keys_and_ids_are_found_exactly_in_searches_of_a_few() -> None:
    async def work() -> None:
        double = JiraDouble(lag=LAG)
        async with desk(double) as jira:
            ids = [await made(double, n, customfield_10050=f"INC {n}", customfield_10052=n) for n in range(90)]
            await asyncio.sleep(2 * LAG)
            asked = [f"INC {n}" for n in range(100)]
            found = await jira.lookup("issue", "Source number", asked)
            assert [[one.target for one in found[text]] for text in asked[:90]] == [[id] for id in ids]
            assert not any(found[text] for text in asked[90:])
            numbers = await jira.lookup("issue", "customfield_10052", ["17", "17.0", "1e3", "seventeen"])
            assert [[one.target for one in some] for some in numbers.values()] == [[ids[17]], [ids[17]], [], []]
            key = next(issue["key"] for issue in double.issues() if issue["id"] == ids[3])
            by_key = await jira.lookup("issue", "key", [key, "DESK-99999", "no key", ""])
            assert [[one.target for one in some] for some in by_key.values()] == [[ids[3]], [], [], []]
            by_id = await jira.lookup("issue", "id", [ids[4], "1 OR 1"])
            assert [[one.target for one in some] for some in by_id.values()] == [[ids[4]], []]

    asyncio.run(work())


def test_a_text_cannot_widen_the_search_and_words_alone_are_no_match() -> None:
    async def work() -> None:
        double = JiraDouble(lag=LAG)
        async with desk(double) as jira:
            id = await made(double, 1, customfield_10050='a "b" \\ c')
            await made(double, 2, customfield_10050="a b c and more")
            await asyncio.sleep(2 * LAG)
            asked = ['a "b" \\ c', "a b c", '" OR project = DESK', "--", "A B C AND MORE"]
            found = await jira.lookup("issue", "customfield_10050", asked)
            assert {text: [one.target for one in some] for text, some in found.items() if some} == {asked[0]: [id]}

    asyncio.run(work())


@pytest.mark.parametrize("field", ["description", "labels", "customfield_10053", "no such field"])
def test_a_field_that_cannot_be_looked_up_is_refused_with_what_could_be(field: str) -> None:
    async def work() -> None:
        async with desk(JiraDouble()) as jira:
            with pytest.raises(Misconfigured, match="existing"):
                await jira.lookup("issue", field, ["x"])

    asyncio.run(work())


def test_what_is_ours_is_told_with_our_id_although_the_search_does_not_show_it() -> None:
    async def work() -> None:
        double = JiraDouble(lag=LAG)
        async with desk(double) as jira:
            id = await made(double, 1, customfield_10050="INC1")
            await asyncio.sleep(2 * LAG)
            assert [one.xid for one in (await jira.lookup("issue", "Source number", ["INC1"]))["INC1"]] == [""]
            ours = write(1, customfield_10050="INC1")._replace(target=id)
            await jira.update("issue", [ours])
            assert [one.xid for one in (await jira.lookup("issue", "Source number", ["INC1"]))["INC1"]] == [ours.xid]

    asyncio.run(work())
