"""Reading a ServiceNow whole: short pages, hidden rows, filters, cut answers."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from connectors.kit.contract import Connection, Scope, Source, Target
from connectors.kit.errors import Misconfigured, Throttled
from connectors.servicenow import connect
from tests.kit.ports import plain_ports
from tests.servicenow.world import AUTH, double, on, read_all

INCIDENT = Scope("incident")
KNOWN_TYPES = {
    *("string", "text", "rich_text", "number", "boolean", "date", "datetime", "duration"),
    *("choice", "person", "reference", "list"),
}


@pytest.mark.parametrize(("limit", "parts"), [(1, 1), (7, 3), (500, 1), (50, 16)])
def test_every_record_is_read_once_in_key_order(limit, parts):
    subject = double(60)
    records = on(subject, lambda c: read_all(c, INCIDENT, limit, parts))
    keys = [record.key for record in records]
    assert keys == sorted({row["sys_id"] for row in subject.rows("incident")})


@pytest.mark.parametrize("share", [0.3, 0.95])
@pytest.mark.parametrize("limit", [1, 5, 40])
def test_hidden_rows_make_pages_short_and_empty_and_hide_no_other(share, limit):
    subject = double(150, hidden=share)

    async def both(connector):
        return await read_all(connector, INCIDENT, limit), await connector.count(INCIDENT)

    records, count = on(subject, both)
    visible = {row["sys_id"] for row in subject.rows("incident") if not subject._hidden(row["sys_id"])}
    assert 0 < len(visible) < 150
    assert [record.key for record in records] == sorted(visible)
    assert count == 150, "the instance counts what it hides"


def test_a_table_of_which_nothing_is_visible_ends():
    subject = double(80, hidden=1.0)
    assert on(subject, lambda c: read_all(c, INCIDENT, 7)) == []


def test_a_span_reads_the_same_slice_again():
    async def run(connector):
        page = await connector.read(INCIDENT, (await connector.spans(INCIDENT, 1))[0], 10)
        again = await connector.read(INCIDENT, page.span, 500)
        return page, again

    page, again = on(double(40), run)
    assert page.records == again.records
    assert again.rest is None


def test_values_come_as_text_and_references_as_keys():
    scope = Scope("incident", (), ("number", "caller_id", "caller_id.email", "assignment_group.name"))
    records = on(double(20), lambda c: read_all(c, scope, 50))
    for record in records:
        assert set(scope.fields) <= set(record.fields)
        assert all(isinstance(value, str) for value in record.fields.values())
        assert len(record.fields["caller_id"]) == 32
        assert record.version == f"{int(record.fields['sys_mod_count']):010d} {record.fields['sys_updated_on']}"


def test_filters_all_hold_together_whatever_joins_them():
    subject = double(200)
    filters = ("state=1^ORstate=2", "category=network^NQcategory=hardware^ORcategory=software^impact=1")
    rows = subject.rows("incident")
    wanted = {
        row["sys_id"]
        for row in rows
        if row["state"] in "12"
        and (row["category"] == "network" or (row["category"] in ("hardware", "software") and row["impact"] == "1"))
    }

    async def run(connector):
        scope = Scope("incident", filters)
        return await read_all(connector, scope, 3, 2), await connector.count(scope)

    records, count = on(subject, run)
    assert {record.key for record in records} == wanted
    assert len(records) == count == len(wanted) > 5


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("prioriti>=4", "priority"),
        ("location.regio=EMEA", "region"),
        ("short_description.name=x", "no reference"),
        ("opened_at>javascript:gs.daysAgo(3)", "script"),
        ("state=1^ORDERBYnumber", "no condition"),
        ("^ORstate=1", "cannot be read"),
        ("ORstate=1", r"begins with \^OR"),
        ("state = 1", "cannot be read"),
        ("state=1^^state=2", "cannot be read"),
        ("123TEXTQUERY321=mail", "no condition"),
        ("opened_atSAMEASopenedat", "opened_at"),
    ],
)
def test_a_filter_that_the_instance_would_drop_or_run_is_refused(text, hint):
    async def run(connector):
        with pytest.raises(Misconfigured, match=hint):
            await connector.spans(Scope("incident", (text,)), 1)
        with pytest.raises(Misconfigured):
            await connector.count(Scope("incident", (text,)))

    on(double(5), run)


def test_a_field_that_does_not_exist_is_refused_with_the_nearest():
    async def run(connector):
        with pytest.raises(Misconfigured, match="assigned_to"):
            await connector.fetch(Scope("incident", (), ("assigned_too",)), ["0" * 32])

    on(double(5), run)


def test_a_table_that_does_not_exist_is_misconfigured():
    async def run(connector):
        with pytest.raises(Misconfigured, match="incidant"):
            await connector.read(Scope("incidant"), "..", 10)

    on(double(5), run)


def test_fetch_leaves_out_what_is_gone_and_takes_more_keys_than_a_url_does():
    subject = double(700)
    keys = [row["sys_id"] for row in subject.rows("incident")]

    async def run(connector):
        return await connector.fetch(Scope("incident", (), ("number",)), [*keys, "f" * 31 + "x", "0" * 32])

    records = on(subject, run)
    assert sorted(record.key for record in records) == sorted(keys)
    assert subject.calls["POST /api/now/v1/batch"] > 0


def test_keys_that_are_all_there_are_asked_for_once():
    subject = double(100)
    keys = [row["sys_id"] for row in subject.rows("incident")]

    async def run(connector):
        await connector.fetch(INCIDENT, keys[:1])  # what the table is like is known from here on
        before = subject.calls.total()
        whole = await connector.fetch(INCIDENT, keys)
        asked = subject.calls.total() - before
        return whole, asked, await connector.fetch(INCIDENT, [*keys[:7], "0" * 32])

    whole, asked, partly = on(subject, run)
    assert (len(whole), asked) == (100, 1)
    assert len(partly) == 7


@pytest.mark.parametrize("truncates", [True, False])
def test_a_page_that_the_instance_cancels_half_way_is_asked_for_in_halves(truncates):
    subject = double(150, transaction_records=40, transaction_truncates=truncates)
    records = on(subject, lambda c: read_all(c, INCIDENT, 100), attempts=1)
    assert len({record.key for record in records}) == len(records) == 150


def test_a_hibernating_instance_is_no_empty_table():
    async def run(connector):
        findings = await connector.check([INCIDENT], [])
        assert [(f.subject, f.ok) for f in findings] == [("reach", False)]
        assert "text/html" in findings[0].detail

    on(double(5, hibernating=True), run, attempts=1)


def test_people_are_known_by_id_and_by_address():
    subject = double(5)
    users = [row for row in subject.rows("sys_user") if row["email"]]

    async def run(connector):
        emails = await connector.emails([users[0]["sys_id"], users[1]["sys_id"], "nobody", ""])
        accounts = await connector.accounts([users[2]["email"].upper(), "nobody@example.com"])
        return emails, accounts

    emails, accounts = on(subject, run)
    assert emails == {user["sys_id"]: user["email"] for user in users[:2]}
    assert accounts == {users[2]["email"].lower(): users[2]["sys_id"]}


def test_it_is_a_source_and_a_target():
    async def run(connector):
        return isinstance(connector, Source), isinstance(connector, Target)

    assert on(double(1), run) == (True, True)


def test_schema_walks_the_chain_of_tables_and_knows_choices():
    infos = {info.name: info for info in on(double(5), lambda c: c.schema("incident"))}
    assert infos["caller_id"].type == "person"
    assert infos["parent_incident"].reference == "incident"
    assert infos["state"].type == "choice"
    assert "6" in infos["state"].choices
    assert infos["opened_at"].type == "datetime"
    assert not infos["sys_updated_on"].writable
    assert infos["short_description"].max_length == 160
    assert {info.type for info in infos.values()} <= KNOWN_TYPES


def test_calls_share_one_session_on_the_server():
    subject = double(20)

    async def run(connector):
        await read_all(connector, INCIDENT, 3)
        await asyncio.gather(*(connector.count(INCIDENT) for _ in range(20)))

    on(subject, run)
    assert subject.counts()["sessions"] == 1


def test_a_limit_an_hour_is_waited_out_when_it_is_short():
    # Reached within the window on a slow machine, too.
    subject = double(24, per_hour=5, window=2.0, flush=0.001)
    records = on(subject, lambda c: read_all(c, INCIDENT, 1))
    assert len({record.key for record in records}) == 24
    assert subject.answers[429] > 0


def test_a_limit_an_hour_that_is_used_up_is_throttled():
    subject = double(30, per_hour=5, flush=0.01)

    async def run(connector):
        with pytest.raises(Throttled) as caught:
            for _ in range(50):
                await connector.read(INCIDENT, "..", 1)
        return caught.value.retry_after

    assert on(subject, run) > 120


def test_it_runs_in_process_over_a_given_transport():
    subject = double(25)

    async def run():
        transport = httpx.ASGITransport(app=subject.app)
        connection = Connection("snow", "servicenow", "http://instance", AUTH, {"transport": transport})
        connector = connect(connection, plain_ports())
        try:
            return await read_all(connector, INCIDENT, 4)
        finally:
            await connector.close()
            await connector.close()

    assert len(asyncio.run(run())) == 25
