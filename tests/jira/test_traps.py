"""What Jira does now and then, and what must not come of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.jira.connector import Jira
from connectors.kit.contract import Doubt, Failed, Record, Rejected, Scope, Write, Written
from connectors.kit.errors import InDoubt, Misconfigured, Throttled, Unavailable
from tests.jira.scripted import CREATEMETA, in_turn, issue, says, scripted
from tests.kit.sockets import Request, answer

SCOPE = Scope("issue")
SPAN = '[["DESK",0,null]]'


async def numbers(jira: Jira, span: str = SPAN, limit: int = 50) -> list[int]:
    found: list[int] = []
    rest: str | None = span
    while rest is not None:
        page = await jira.read(SCOPE, rest, limit)
        found += [int(record.fields["key"].rpartition("-")[2]) for record in page.records]
        rest = page.rest
    return found


# ---------------------------------------------------------------- searching


def read_all(*answers: Any) -> list[int]:
    async def run() -> list[int]:
        async with scripted({"POST /search/jql": in_turn(*answers)}) as (jira, _):
            return await numbers(jira)

    return asyncio.run(run())


def test_a_token_that_repeats_for_ever_ends_the_read_without_losing_or_doubling() -> None:
    page = {"issues": [issue(1), issue(2)], "nextPageToken": "same", "isLast": False}
    assert read_all(page) == [1, 2]


def test_a_short_page_is_not_the_end() -> None:
    pages = (
        {"issues": [issue(1)], "nextPageToken": "a"},
        {"issues": [], "nextPageToken": "b"},
        {"issues": [], "nextPageToken": "c"},
        {"issues": [issue(2)], "isLast": True},
    )
    assert read_all(*pages) == [1, 2]


def test_is_last_beside_a_token_is_not_believed() -> None:
    pages = ({"issues": [issue(1)], "isLast": True, "nextPageToken": "a"}, {"issues": [issue(2)], "isLast": True})
    assert read_all(*pages) == [1, 2]


def test_no_token_beside_more_to_come_is_asked_again_behind_the_last() -> None:
    pages = ({"issues": [issue(1)], "isLast": False}, {"issues": [issue(2)], "isLast": True})
    assert read_all(*pages) == [1, 2]


def test_an_issue_that_comes_twice_is_read_once() -> None:
    pages = ({"issues": [issue(1), issue(2)], "nextPageToken": "a"}, {"issues": [issue(2), issue(3)], "isLast": True})
    assert read_all(*pages) == [1, 2, 3]


def test_an_expired_token_starts_over_behind_the_last_issue() -> None:
    asked: list[dict[str, Any]] = []

    def search(request: Request, doc: Any) -> bytes:
        asked.append(doc)
        if "nextPageToken" in doc:
            return answer(400, {"errorMessages": ["The token has expired."], "errors": {}})
        if "key >" in doc["jql"]:
            return answer(200, {"issues": [issue(2)], "isLast": True})
        return answer(200, {"issues": [issue(1)], "nextPageToken": "a"})

    async def run() -> list[int]:
        async with scripted({"POST /search/jql": search}) as (jira, _):
            return await numbers(jira)

    assert asyncio.run(run()) == [1, 2]
    assert 'key > "DESK-1"' in asked[-1]["jql"]


def test_a_bound_whose_issue_was_deleted_is_replaced_by_the_next_lower_one() -> None:
    there = [1, 2, 3, 8, 9]

    def search(request: Request, doc: Any) -> bytes:
        if '"DESK-5"' in doc["jql"]:
            return answer(400, {"errorMessages": ["An issue with key 'DESK-5' does not exist."], "errors": {}})
        assert 'key > "DESK-3"' in doc["jql"]
        return answer(200, {"issues": [issue(n) for n in there if n > 3], "isLast": True})

    def bulkfetch(request: Request, doc: Any) -> bytes:
        return answer(200, {"issues": [issue(n) for n in there if f"DESK-{n}" in doc["issueIdsOrKeys"]]})

    async def run() -> tuple[list[int], list[int]]:
        routes = {"POST /search/jql": search, "POST /issue/bulkfetch": bulkfetch}
        async with scripted(routes) as (jira, _):
            return await numbers(jira, '[["DESK",5,null]]'), await numbers(jira, '[["DESK",5,8]]')

    assert asyncio.run(run()) == ([8, 9], [8])


def test_a_filter_that_jira_cannot_read_is_told_with_a_hint() -> None:
    refused = says(400, {"errorMessages": ["Field 'colour' does not exist."], "errors": {}})

    async def run() -> None:
        async with scripted({"POST /search/jql": refused}) as (jira, _):
            await jira.read(Scope("issue", ("colour = red",)), SPAN, 10)

    with pytest.raises(Misconfigured, match="colour") as error:
        asyncio.run(run())
    assert error.value.hint


def test_issues_that_could_not_be_read_now_are_not_taken_for_gone() -> None:
    routes = {
        "POST /issue/bulkfetch": says(
            200, {"issues": [issue(1)], "issueErrors": [{"id": "10002", "errorMessage": "Try again."}]}
        ),
        "GET /issue/10002": says(200, issue(2)),
    }

    async def run() -> list[Record]:
        async with scripted(routes) as (jira, _):
            return await jira.fetch(SCOPE, ["10001", "10002", "10003"])

    assert [record.key for record in asyncio.run(run())] == ["10001", "10002"]


# ---------------------------------------------------------------- signing in


def test_being_served_as_a_stranger_is_an_error_not_an_empty_answer() -> None:
    nothing = says(200, {"issues": [], "isLast": True}, X_Seraph_LoginReason="AUTHENTICATED_FAILED")

    async def run() -> None:
        async with scripted({"POST /search/jql": nothing}) as (jira, _):
            await jira.read(SCOPE, SPAN, 10)

    with pytest.raises(Misconfigured, match="credentials"):
        asyncio.run(run())


def test_a_401_in_plain_text_is_told_as_a_matter_of_credentials() -> None:
    denied = says(401, b"Client must be authenticated to access this resource.", Content_Type="text/plain")

    async def run() -> list[Any]:
        routes = {"GET /serverInfo": says(200, {"deploymentType": "Cloud"}), "GET /myself": denied}
        async with scripted(routes) as (jira, _):
            return list(await jira.check([], ["issue"]))

    findings = asyncio.run(run())
    assert [(finding.subject, finding.ok) for finding in findings] == [("reach", True), ("credentials", False)]
    assert findings[-1].hint


# ---------------------------------------------------------------- creating


def writes(*summaries: str) -> list[Write]:
    fields = ({"project": "DESK", "issuetype": "Task", "summary": summary} for summary in summaries)
    return [Write(f"X{number}", one) for number, one in enumerate(fields)]


def create(routes: dict[str, Any], some: list[Write], **options: Any) -> tuple[list[Any], int]:
    """Outcomes, and how many calls to create there were."""

    async def run() -> tuple[list[Any], int]:
        async with scripted(CREATEMETA | routes, **options) as (jira, server):
            outcomes = await jira.create("issue", some)
            return outcomes, sum(request.target.endswith("/issue/bulk") for request in server.requests)

    return asyncio.run(run())


def test_a_refusal_of_the_whole_bulk_is_traced_to_the_record_at_fault() -> None:
    def bulk(request: Request, doc: Any) -> bytes:
        summaries = [update["fields"]["summary"] for update in doc["issueUpdates"]]
        if "bad" in summaries:
            return answer(400, {"errorMessages": ["Can not deserialize 'bad'."], "errors": {}})
        return answer(201, {"issues": [issue(int(summary)) for summary in summaries], "errors": []})

    outcomes, calls = create({"POST /issue/bulk": bulk}, writes("1", "2", "bad", "4"))
    assert outcomes == [
        Written("X0", "10001"),
        Written("X1", "10002"),
        Rejected("X2", "Can not deserialize '…'."),
        Written("X3", "10004"),
    ]
    assert calls == 5


@pytest.mark.parametrize(
    ("status", "headers", "error"),
    [
        (429, {"Retry_After": "3600"}, Throttled),
        (408, {}, Unavailable),
        (403, {}, Misconfigured),
        (500, {}, InDoubt),
        (201, {}, InDoubt),
    ],
)
@pytest.mark.parametrize("failing", ["1", "3"])
def test_a_half_that_fails_does_not_make_the_other_half_forgotten(
    status: int, headers: dict[str, str], error: type[Exception], failing: str
) -> None:
    def bulk(request: Request, doc: Any) -> bytes:
        summaries = [update["fields"]["summary"] for update in doc["issueUpdates"]]
        if len(summaries) > 2:
            return answer(413, {"errorMessages": ["Too large."], "errors": {}})
        if failing in summaries:
            return answer(status, {}, **headers)
        return answer(201, {"issues": [issue(int(summary)) for summary in summaries], "errors": []})

    outcomes, _ = create({"POST /issue/bulk": bulk}, writes("1", "2", "3", "4"), attempts=1)
    failed, kept = (outcomes[:2], outcomes[2:]) if failing == "1" else (outcomes[2:], outcomes[:2])
    assert all(isinstance(outcome, Failed) and isinstance(outcome.error, error) for outcome in failed)
    assert all(isinstance(outcome, Written) for outcome in kept)
    assert [outcome.xid for outcome in outcomes] == ["X0", "X1", "X2", "X3"]


def test_a_call_that_fails_does_not_make_the_call_before_it_forgotten() -> None:
    def bulk(request: Request, doc: Any) -> bytes:
        if len(doc["issueUpdates"]) < 50:
            return answer(403, {})
        return answer(201, {"issues": [issue(number) for number in range(50)], "errors": []})

    outcomes, _ = create({"POST /issue/bulk": bulk}, writes(*map(str, range(51))))
    assert [type(outcome) for outcome in outcomes] == [Written] * 50 + [Failed]


def test_an_answer_to_a_create_that_names_nothing_is_a_doubt() -> None:
    with pytest.raises(InDoubt):
        create({"POST /issue/bulk": says(201, {})}, writes("1"))


def test_a_field_that_the_create_screen_lacks_is_refused_before_sending() -> None:
    some = [Write("X", {"project": "DESK", "issuetype": "Task", "summary": "s", "customfield_9": "SECRET"})]
    outcomes, calls = create({}, some)
    assert outcomes == [Rejected("X", "field not on the create screen", "customfield_9")]
    assert calls == 0


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"issuetype": "Task"}, "project"),
        ({"project": "NOPE", "issuetype": "Task"}, "project"),
        ({"project": "DESK"}, "issuetype"),
        ({"project": "DESK", "issuetype": "Saga"}, "issuetype"),
    ],
)
def test_a_project_or_type_that_is_not_there_is_named_by_field(fields: dict[str, Any], field: str) -> None:
    outcomes, calls = create({}, [Write("X", fields | {"summary": "s"})])
    assert [(outcome.xid, outcome.field) for outcome in outcomes] == [("X", field)]
    assert calls == 0


def test_our_id_goes_out_as_property_and_as_label_beside_the_labels_given() -> None:
    sent: list[Any] = []

    def bulk(request: Request, doc: Any) -> bytes:
        sent.extend(doc["issueUpdates"])
        return answer(201, {"issues": [issue(1)], "errors": []})

    some = [Write("ABC", {"project": "DESK", "issuetype": "Task", "summary": "s", "labels": ["one"]})]
    create({"POST /issue/bulk": bulk}, some)
    assert sent[0]["fields"]["labels"] == ["one", "cutover-abc"]
    assert sent[0]["properties"] == [{"key": "cutover", "value": {"x": "ABC"}}]
    create({"POST /issue/bulk": bulk}, some, external_id={"property": "ours", "label": False})
    assert sent[1]["fields"]["labels"] == ["one"]
    assert sent[1]["properties"] == [{"key": "ours", "value": {"x": "ABC"}}]


def test_a_screen_that_changed_is_read_again_for_the_next_call() -> None:
    off = {"customfield_1": "Field 'customfield_1' cannot be set. It is not on the appropriate screen, or unknown."}
    refused = {"errors": [{"status": 400, "failedElementNumber": 0, "elementErrors": {"errors": off}}], "issues": []}

    async def run() -> int:
        async with scripted(CREATEMETA | {"POST /issue/bulk": says(400, refused)}) as (jira, server):
            for _ in range(2):
                await jira.create("issue", writes("1"))
            return sum("/createmeta/" in request.target for request in server.requests)

    assert asyncio.run(run()) == 4


# ---------------------------------------------------------------- children


def doubt(xid: str, parent: str, **fields: Any) -> Doubt:
    return Doubt(xid, "", datetime(2026, 1, 31, 10, tzinfo=UTC), parent, fields or None)


def test_comments_whose_list_shows_no_properties_are_asked_one_by_one() -> None:
    def comment(id: str, author: str) -> dict[str, Any]:
        return {"id": id, "author": {"accountId": author}, "body": {}, "created": "2026-01-31T10:00:00.000+0000"}

    routes = {
        "GET /myself": says(200, {"accountId": "me"}),
        "GET /issue/1/comment": says(200, {"comments": [comment("5", "you"), comment("6", "me")], "total": 2}),
        "GET /comment/6/properties/cutover": says(200, {"key": "cutover", "value": {"x": "C1"}}),
    }

    async def run() -> dict[str, Written]:
        async with scripted(routes) as (jira, _):
            return await jira.find("comment", [doubt("C1", "1"), doubt("C2", "1")])

    assert asyncio.run(run()) == {"C1": Written("C1", "1/6")}


def test_a_comment_does_not_overtake_one_whose_fate_is_open() -> None:
    def comment(request: Request, doc: Any) -> bytes:
        text = doc["body"]["content"][0]["content"][0]["text"]
        return answer(500, {}) if text == "lost" else answer(201, {"id": "7"})

    async def run() -> list[Any]:
        async with scripted({"POST /issue/./comment": comment}) as (jira, _):
            some = [("C1", "lost", "1"), ("C2", "later", "1"), ("C3", "elsewhere", "2")]
            return list(await jira.create("comment", [Write(x, {"body": text}, parent=p) for x, text, p in some]))

    first, second, third = asyncio.run(run())
    assert isinstance(first, Failed)
    assert isinstance(first.error, InDoubt)
    assert isinstance(second, Failed)
    assert isinstance(second.error, Unavailable)
    assert third == Written("C3", "2/7")


def test_comments_that_shift_while_they_are_read_are_read_again_from_the_start() -> None:
    def comment(number: int) -> dict[str, Any]:
        return {"id": str(number), "created": "2026-01-31T10:00:00.000+0000"}

    pages = (
        {"comments": [comment(1), comment(2)], "total": 4},
        {"comments": [comment(4)], "total": 3},  # 1 was deleted, and 3 slipped to the page before
        {"comments": [comment(2), comment(3)], "total": 3},
        {"comments": [comment(4)], "total": 3},
    )

    async def run() -> list[Record]:
        async with scripted({"GET /issue/1/comment": in_turn(*pages)}) as (jira, _):
            return await jira.children(Scope("comment"), ["1"])

    assert [record.key for record in asyncio.run(run())] == ["1/2", "1/3", "1/4"]


def test_credentials_do_not_go_along_to_the_media_store() -> None:
    async def run() -> tuple[bytes, list[bool]]:
        to_media = says(303, b"", Location="/media/file?token=signed")
        routes = {"GET /attachment/content/5": to_media, "GET /media/file": says(200, b"bytes", Content_Type="text/x")}
        async with scripted(routes) as (jira, server):
            content = jira.content("attachment", Record("5", "", {"size": 5}))
            data = b"".join([piece async for piece in content()])
            return data, ["authorization" in request.headers for request in server.requests]

    assert asyncio.run(run()) == (b"bytes", [True, False])


def test_an_attachment_of_another_size_than_told_is_not_taken_for_whole() -> None:
    async def run() -> None:
        routes = {"GET /attachment/content/5": says(200, b"byt", Content_Type="text/x")}
        async with scripted(routes) as (jira, _):
            async for _piece in jira.content("attachment", Record("5", "", {"size": 5}))():
                pass

    with pytest.raises(Unavailable):
        asyncio.run(run())


def test_an_upload_whose_source_breaks_was_certainly_not_applied() -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"some"
        raise Unavailable("the source broke")

    async def run() -> list[Any]:
        routes = {"GET /attachment/meta": says(200, {"enabled": True, "uploadLimit": 100})}
        async with scripted(routes) as (jira, _):
            some = [
                Write("A1", {"filename": "a.txt"}, parent="1", content=broken),
                Write("A2", {"filename": "b.txt", "size": 101}, parent="2", content=broken),
                Write("A3", {"filename": "c.txt"}, parent="3"),
            ]
            return list(await jira.create("attachment", some))

    first, second, third = asyncio.run(run())
    assert isinstance(first, Failed)
    assert isinstance(first.error, Unavailable)
    assert (second.xid, second.field) == ("A2", "size")
    assert (third.xid, third.field) == ("A3", "filename")


# ---------------------------------------------------------------- people and options


def test_only_an_exact_visible_active_address_counts_as_a_person() -> None:
    users = [
        {"accountId": "near", "emailAddress": "mia@example.community", "active": True},
        {"accountId": "app", "emailAddress": "mia@example.com", "active": True, "accountType": "app"},
        {"accountId": "left", "emailAddress": "mia@example.com", "active": False, "accountType": "atlassian"},
        {"accountId": "mia", "emailAddress": "Mia@example.com", "active": True, "accountType": "atlassian"},
        {"accountId": "hidden", "active": True, "accountType": "atlassian"},
    ]

    async def run() -> tuple[dict[str, str], int]:
        async with scripted({"GET /user/search": says(200, users)}, people={"Zoe@example.com": "zoe"}) as (
            jira,
            server,
        ):
            asked = ["MIA@example.com", "zoe@example.com", "nobody@example.com"]
            await jira.accounts(asked)
            return await jira.accounts(asked), len(server.requests)

    assert asyncio.run(run()) == ({"mia@example.com": "mia", "zoe@example.com": "zoe"}, 2)


def test_an_error_among_many_lookups_comes_out_as_it_is() -> None:
    async def run() -> None:
        async with scripted({"GET /user/search": says(403, {"errorMessages": ["No."], "errors": {}})}) as (jira, _):
            await jira.accounts([f"p{number}@example.com" for number in range(9)])

    with pytest.raises(Misconfigured, match="403"):
        asyncio.run(run())


@pytest.mark.parametrize(
    "options", [{"projets": ["DESK"]}, {"projects": "DESK"}, {"late_commit": -1}, {"external_id": {"colour": "red"}}]
)
def test_an_option_that_cannot_be_right_is_told_by_name(options: dict[str, Any]) -> None:
    async def run() -> None:
        async with scripted({}, **options):
            pass

    with pytest.raises(Misconfigured, match=next(iter(options))) as error:
        asyncio.run(run())
    assert error.value.hint
