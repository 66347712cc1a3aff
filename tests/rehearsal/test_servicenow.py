"""The ServiceNow double over real sockets: it behaves as the vendor does, the traps included."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from connectors.rehearsal.seed import Dataset
from connectors.rehearsal.servicenow import ServiceNowDouble, Settings, User
from tests.rehearsal.running import running

TABLE = "/api/now/table"


@contextmanager
def instance(records: int = 60, **options: Any) -> Iterator[tuple[ServiceNowDouble, httpx.Client]]:
    double = ServiceNowDouble(dataset=Dataset(3, records), **options)
    with running(double) as url, httpx.Client(base_url=url, auth=("cutover", "rehearsal")) as client:
        yield double, client


@pytest.fixture(scope="module")
def shared() -> Iterator[httpx.Client]:
    """An instance that no test writes to."""
    with instance(200) as (_, client):
        yield client


def rows(client: httpx.Client, table: str = "incident", **params: Any) -> list[dict[str, Any]]:
    answer = client.get(f"{TABLE}/{table}", params={f"sysparm_{name}": value for name, value in params.items()})
    assert answer.status_code == 200, answer.text
    result: list[dict[str, Any]] = answer.json()["result"]
    return result


def first(client: httpx.Client, **params: Any) -> dict[str, Any]:
    return rows(client, limit=1, **params)[0]


# ---------------------------------------------------------------- reading


def test_values_are_strings_and_references_carry_a_link(shared: httpx.Client) -> None:
    row = first(shared, query="caller_idISNOTEMPTY^assigned_to=^ORDERBYnumber")
    plain = {name: value for name, value in row.items() if not isinstance(value, dict)}
    assert all(isinstance(value, str) for value in plain.values())
    assert row["assigned_to"] == ""
    assert row["caller_id"]["link"] == f"{shared.base_url}{TABLE}/sys_user/{row['caller_id']['value']}".replace(
        "//api", "/api"
    )
    bare = first(shared, query="ORDERBYnumber", exclude_reference_link="true")
    assert isinstance(bare["caller_id"], str)


def test_display_values_come_in_three_ways(shared: httpx.Client) -> None:
    query = {"query": "priority=3^ORDERBYnumber", "fields": "number,priority,caller_id,sys_created_on"}
    plain, shown = first(shared, **query), first(shared, display_value="true", **query)
    both = first(shared, display_value="all", exclude_reference_link="true", **query)
    assert (plain["priority"], shown["priority"]) == ("3", "3 - Moderate")
    assert both["priority"] == {"display_value": "3 - Moderate", "value": "3"}
    assert both["caller_id"] == {
        "display_value": shown["caller_id"]["display_value"],
        "value": plain["caller_id"]["value"],
    }


def test_dates_are_shown_in_the_users_zone_and_kept_in_utc() -> None:
    users = {"cutover": User("rehearsal", zone="Europe/Sofia")}
    with instance(users=users) as (_, client):
        both = first(client, display_value="all", query="ORDERBYnumber", fields="sys_updated_on")["sys_updated_on"]
        assert both["display_value"] != both["value"]
        literal = both["display_value"]  # a literal date in a query is the user's, too
        assert rows(client, query=f"sys_updated_on={literal}", fields="sys_updated_on") == [
            {"sys_updated_on": both["value"]}
        ]


def test_unknown_fields_are_ignored_and_references_are_walked(shared: httpx.Client) -> None:
    row = first(shared, fields="number,caller_id.email,location.region,nonsense,caller_id.nonsense")
    assert set(row) == {"number", "caller_id.email", "location.region"}
    assert row["caller_id.email"].endswith("@example.com")


@pytest.mark.parametrize(
    ("query", "holds"),
    [
        ("priority=1", lambda r: r["priority"] == "1"),
        ("priority!=1", lambda r: r["priority"] != "1"),
        ("priority>=3^priority<5", lambda r: r["priority"] in "34"),
        ("priorityIN1,2", lambda r: r["priority"] in ("1", "2")),
        ("priorityNOT IN1,2", lambda r: r["priority"] not in ("1", "2")),
        ("priorityBETWEEN2@3", lambda r: r["priority"] in ("2", "3")),
        ("short_descriptionLIKEvpn", lambda r: "vpn" in r["short_description"].lower()),
        ("short_descriptionNOT LIKEvpn", lambda r: "vpn" not in r["short_description"].lower()),
        ("short_descriptionSTARTSWITHlaptop", lambda r: r["short_description"].startswith("Laptop")),
        ("short_descriptionENDSWITHsleep", lambda r: r["short_description"].endswith("sleep")),
        ("due_dateISEMPTY", lambda r: not r["due_date"]),
        ("due_dateISNOTEMPTY", lambda r: r["due_date"]),
        ("close_codeEMPTYSTRING", lambda r: not r["close_code"]),
        ("numberANYTHING", lambda r: True),
        ("opened_bySAMEAScaller_id", lambda r: r["opened_by"] == r["caller_id"]),
        ("impactNSAMEASurgency", lambda r: r["impact"] != r["urgency"]),
        ("sys_class_nameINSTANCEOFtask", lambda r: True),
        ("priority=1^ORpriority=2^active=true", lambda r: r["priority"] in "12" and r["active"] == "true"),
        ("priority=1^NQpriority=2", lambda r: r["priority"] in ("1", "2")),
        ("location.region=EMEA", lambda r: r["location.region"] == "EMEA"),
        ("assignment_group.name=network", lambda r: r["assignment_group.name"] == "Network"),
        ("sys_created_on>=2026-01-01 00:00:00", lambda r: r["sys_created_on"] >= "2026"),
        (
            "sys_created_onON2026@javascript:gs.dateGenerate('2026-01-01','start')@javascript:gs.dateGenerate('2026-02-01','end')",
            lambda r: "2026-01-01" <= r["sys_created_on"] < "2026-02-02",
        ),
        ("sys_created_onDATEPARTx@javascript:gs.datePart('year','2025','EE')", lambda r: r["sys_created_on"] < "2026"),
        ("123TEXTQUERY321=fails with", lambda r: "fails with" in (r["short_description"] + r["description"]).lower()),
    ],
)  # fmt: skip
def test_an_operator_finds_exactly_what_it_says(shared: httpx.Client, query: str, holds: Any) -> None:
    fields = (
        "sys_id,number,priority,impact,urgency,active,short_description,description,due_date,close_code,opened_by,"
        "caller_id,location.region,assignment_group.name,sys_created_on"
    )
    want = {"fields": fields, "exclude_reference_link": "true"}
    everything = rows(shared, **want)
    found = {row["sys_id"] for row in rows(shared, query=query, **want)}
    if query.endswith("'EE')"):
        everything = [row for row in everything if row["sys_created_on"] >= "2025"]
    assert found == {row["sys_id"] for row in everything if holds(row)}
    assert found


def test_an_invalid_term_is_dropped_and_more_rows_come_back() -> None:
    with instance() as (double, client):
        assert len(rows(client, query="nonsense=1^caller_id.nonsense=2")) == 60
        some = rows(client, query="priority=1^nonsense=1")
        assert some == rows(client, query="priority=1")
        double.settings.invalid_query_returns_no_rows = True
        assert rows(client, query="priority=1^nonsense=1") == []


def test_a_caret_in_a_value_ends_the_term(shared: httpx.Client) -> None:
    found = rows(shared, query="short_description=Wi-Fi slow on the 3rd floor ^ since Monday")
    assert found == []  # asks for what stands before the caret only; the rest is dropped


def test_the_caller_is_known_to_queries(shared: httpx.Client) -> None:
    me = rows(shared, "sys_user", query="sys_id=javascript:gs.getUserID()")
    assert [row["user_name"] for row in me] == ["cutover"]
    roles = rows(shared, "sys_user_has_role", query="user.user_name=cutover", fields="role.name")
    assert {"role.name": "itil"} in roles


def test_the_super_table_finds_the_rows_of_its_children(shared: httpx.Client) -> None:
    one = first(shared)
    assert len(rows(shared, "task")) == 200
    assert shared.get(f"{TABLE}/task/{one['sys_id']}").json()["result"]["sys_class_name"] == "incident"


# ---------------------------------------------------------------- pages


def keyset(client: httpx.Client, limit: int, query: str = "") -> list[str]:
    last, found = "", []
    while True:
        terms = [term for term in (query, f"sys_id>{last}" if last else "", "ORDERBYsys_id") if term]
        page = rows(client, query="^".join(terms), limit=limit, fields="sys_id")
        if not page:
            return found
        found += [row["sys_id"] for row in page]
        last = found[-1]


def test_a_keyset_walk_finds_every_row_once(shared: httpx.Client) -> None:
    assert keyset(shared, 7) == sorted(row["sys_id"] for row in rows(shared))
    emea = keyset(shared, 7, "location.region=EMEA")
    assert emea == sorted(row["sys_id"] for row in rows(shared, query="location.region=EMEA"))


def test_the_headers_tell_the_total_and_the_neighbours(shared: httpx.Client) -> None:
    answer = shared.get(f"{TABLE}/incident?sysparm_limit=30&sysparm_offset=60&sysparm_query=ORDERBYsys_id")
    assert answer.headers["x-total-count"] == "200"
    links = dict(reversed(part.split(";rel=")) for part in answer.headers["link"].split(","))  # type: ignore[misc]
    assert set(links) == {'"next"', '"prev"', '"first"', '"last"'}
    assert "sysparm_offset=180" in links['"last"']
    assert "link" not in shared.get(f"{TABLE}/incident").headers
    quiet = shared.get(f"{TABLE}/incident?sysparm_limit=30&sysparm_no_count=true")
    assert "x-total-count" not in quiet.headers
    assert 'rel="next"' in quiet.headers["link"]
    assert "link" not in shared.get(f"{TABLE}/incident?sysparm_limit=3&sysparm_suppress_pagination_header=true").headers


def test_limit_and_offset_come_before_read_rights_so_pages_are_short_or_empty() -> None:
    with instance(200, settings=Settings(hidden=0.2)) as (_, client):
        sizes = []
        for offset in range(0, 200, 10):
            page = client.get(f"{TABLE}/incident?sysparm_query=ORDERBYsys_id&sysparm_limit=10&sysparm_offset={offset}")
            assert page.headers["x-total-count"] == "200"
            sizes.append(len(page.json()["result"]))
        assert 0 in sizes[:-1]
        assert any(0 < size < 10 for size in sizes)
        assert 130 < sum(sizes) < 190
        everything = rows(client, fields="sys_id")
        admin = httpx.get(f"{client.base_url}{TABLE}/incident", auth=("admin", "rehearsal")).json()["result"]
        hidden = {row["sys_id"] for row in admin} - {row["sys_id"] for row in everything}
        assert client.get(f"{TABLE}/incident/{hidden.pop()}").status_code == 404


def test_version_one_answers_404_where_nothing_is_found(shared: httpx.Client) -> None:
    query = "?sysparm_query=number=INC1"
    assert shared.get(f"/api/now/v1/table/incident{query}").status_code == 404
    assert shared.get(f"/api/now/v2/table/incident{query}").json() == {"result": []}


def test_a_long_read_is_cancelled_with_status_200() -> None:
    with instance(settings=Settings(transaction_records=20)) as (double, client):
        both = client.get(f"{TABLE}/incident?sysparm_limit=30")
        assert both.status_code == 200
        assert set(both.json()) >= {"result", "error"}
        assert "error" not in client.get(f"{TABLE}/incident?sysparm_limit=20").json()
        double.settings.transaction_truncates = True
        with pytest.raises(ValueError):
            client.get(f"{TABLE}/incident?sysparm_limit=30").json()


def test_counts_and_groups_are_aggregated(shared: httpx.Client) -> None:
    whole = shared.get("/api/now/stats/incident?sysparm_count=true&sysparm_query=priority=1").json()
    assert whole == {"result": {"stats": {"count": str(len(rows(shared, query="priority=1")))}}}
    groups = shared.get(
        "/api/now/stats/incident?sysparm_count=true&sysparm_group_by=state&sysparm_avg_fields=reassignment_count"
    ).json()["result"]
    assert sum(int(group["stats"]["count"]) for group in groups) == 200
    assert groups[0]["groupby_fields"][0]["field"] == "state"
    assert "." in groups[0]["stats"]["avg"]["reassignment_count"]


# ---------------------------------------------------------------- dictionary and rights


def test_the_dictionary_describes_the_columns_along_the_chain_of_tables(shared: httpx.Client) -> None:
    chain = rows(shared, "sys_db_object", query="name=incident", fields="name,super_class.name,ws_access")
    assert chain == [{"name": "incident", "super_class.name": "task", "ws_access": "true"}]
    entries = rows(shared, "sys_dictionary", query="nameINtask,incident", exclude_reference_link="true", limit=500)
    known = {entry["element"]: entry for entry in entries}
    assert set(first(shared)) == set(known) - {""}
    assert (known["caller_id"]["internal_type"], known["caller_id"]["reference"]) == ("reference", "sys_user")
    choices = rows(shared, "sys_choice", query="name=task^element=state^ORDERBYsequence", fields="value,label")
    assert choices[0] == {"value": "1", "label": "New"}


def test_a_closed_table_an_unknown_one_and_an_unknown_record_are_told_apart(shared: httpx.Client) -> None:
    assert shared.get(f"{TABLE}/u_vault").status_code == 403
    unknown = shared.get(f"{TABLE}/nonsense")
    assert (unknown.status_code, unknown.json()["error"]["message"]) == (400, "Invalid table nonsense")
    gone = shared.get(f"{TABLE}/incident/{'0' * 32}")
    assert gone.status_code == 404
    assert gone.json() == {
        "error": {
            "message": "No Record found",
            "detail": "Record doesn't exist or ACL restricts the record retrieval",
        },
        "status": "failure",
    }
    assert shared.post(f"{TABLE}/sys_user", json={"user_name": "x"}).status_code == 403


# ---------------------------------------------------------------- journals


def test_a_journal_reads_empty_and_its_entries_lie_in_their_own_table() -> None:
    with instance() as (double, client):
        row = first(client, query="ORDERBYnumber")
        before = double.store.tables["incident"].own[row["sys_id"]]
        answer = client.patch(f"{TABLE}/incident/{row['sys_id']}", json={"comments": "Проверено ✅\nsecond line"})
        assert answer.json()["result"]["comments"] == ""
        after = answer.json()["result"]
        assert int(after["sys_mod_count"]) == int(before[5]) + 1
        assert after["sys_updated_by"] == "cutover"
        query = f"element_id={row['sys_id']}^element=comments^ORDERBYDESCsys_created_on"
        assert rows(client, "sys_journal_field", query=query)[0]["value"] == "Проверено ✅\nsecond line"
        shown = client.get(f"{TABLE}/incident/{row['sys_id']}?sysparm_display_value=true&sysparm_fields=comments")
        assert "cutover (API) (Additional comments)\nПроверено ✅" in shown.json()["result"]["comments"]
        double.settings.journal_readable = False
        assert rows(client, "sys_journal_field", query=query) == []


# ---------------------------------------------------------------- limits and moods


def test_the_hourly_limit_bites_late_and_tells_when_it_ends() -> None:
    with instance(settings=Settings(per_hour=5, flush=0.3, window=86400.0)) as (_, client):
        statuses = [client.get(f"{TABLE}/incident?sysparm_limit=1").status_code for _ in range(8)]
        assert statuses == [200] * 8  # past the limit, but the counters are not added up yet
        deadline = time.monotonic() + 10
        while (answer := client.get(f"{TABLE}/incident?sysparm_limit=1")).status_code == 200:
            assert time.monotonic() < deadline, "the limit never bit"
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) > 0
        assert answer.headers["x-ratelimit-limit"] == "5"
        assert "x-ratelimit-remaining" not in answer.headers
        assert answer.json()["error"]["message"] == "Rate limit exceeded"
        changed = client.post("/_rehearsal/limits", json={"per_hour": None}).json()
        assert changed["per_hour"] is None
        assert client.get(f"{TABLE}/incident?sysparm_limit=1").status_code == 200
        bad = client.post("/_rehearsal/limits", json={"per_minute": 3})
        assert (bad.status_code, "per_hour" in bad.json()["error"]) == (400, True)


def test_a_hibernating_instance_answers_with_a_page_and_status_200() -> None:
    with instance(settings=Settings(hibernating=True)) as (_, client):
        answer = client.get(f"{TABLE}/incident")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")


def test_a_url_that_is_too_long_is_refused(shared: httpx.Client) -> None:
    assert shared.get(f"{TABLE}/incident?sysparm_query=sys_idIN{'x' * 20_000}").status_code == 414


def test_more_calls_at_once_than_there_are_semaphores_are_refused() -> None:
    settings = Settings(semaphores=1, queue=0)
    with instance(5, settings=settings, latency=0.3) as (_, client):

        def call(_: int) -> int:
            auth = ("cutover", "rehearsal")
            return httpx.get(f"{client.base_url}{TABLE}/incident?sysparm_limit=1", auth=auth).status_code

        with ThreadPoolExecutor(4) as pool:
            statuses = sorted(pool.map(call, range(4)))
        assert (statuses[0], statuses[-1]) == (200, 429)
