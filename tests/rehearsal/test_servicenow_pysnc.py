"""A third party's client, unmodified, over TLS: pysnc reads, writes, attaches and works in batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pysnc import ServiceNowClient, ServiceNowPasswordGrantFlow  # type: ignore[import-untyped,unused-ignore]
from pysnc.exceptions import RequestException  # type: ignore[import-untyped,unused-ignore]

from connectors.rehearsal.seed import Dataset
from connectors.rehearsal.servicenow import ServiceNowDouble
from tests.rehearsal.running import certificate, running


@pytest.fixture(scope="module")
def double() -> ServiceNowDouble:
    return ServiceNowDouble(dataset=Dataset(5, 120))


@pytest.fixture(scope="module")
def url(double: ServiceNowDouble, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    folder = tmp_path_factory.mktemp("tls")
    with running(double, tls=True, folder=folder) as base:
        yield base, certificate(folder)


@pytest.fixture(autouse=True)
def trusted(url: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment's own bundle would win over the client's `verify`."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", url[1])


@pytest.fixture
def client(url: tuple[str, str]) -> Iterator[Any]:
    base, trust = url
    client = ServiceNowClient(base, ("cutover", "rehearsal"), verify=trust)
    yield client
    client.session.close()


def test_it_pages_through_a_query(client: Any, double: ServiceNowDouble) -> None:
    record = client.GlideRecord("incident", batch_size=9)
    record.add_query("location.region", "EMEA")
    record.query()
    found = [row.get_value("number") for row in record]
    table = double.store.tables["cmn_location"]
    emea = {row[0] for row in table.rows() if row[table.at["region"]] == "EMEA"}
    assert sorted(found) == sorted(row["number"] for row in double.rows("incident") if row["location"] in emea)
    assert len(record) == len(found)


def test_it_reads_values_and_display_values(client: Any) -> None:
    record = client.GlideRecord("incident")
    record.add_query("priority", "1")
    record.order_by("number")
    record.query()
    assert record.next()
    assert record.get_display_value("priority") == "1 - Critical"
    assert record.caller_id.get_display_value() != record.caller_id.get_value()
    record.add_null_query("due_date")


def test_it_inserts_updates_and_deletes(client: Any) -> None:
    record = client.GlideRecord("incident")
    record.initialize()
    record.short_description = "от pysnc"
    record.set_new_guid_value("ab" * 16)
    assert record.insert() == "ab" * 16
    again = client.GlideRecord("incident")
    assert again.get("ab" * 16)
    again.short_description = "changed"
    again.update()
    assert client.GlideRecord("incident").get("number", again.get_value("number"))
    assert again.delete()
    assert not client.GlideRecord("incident").get("ab" * 16)


def test_it_updates_and_deletes_many_in_batches_and_resends_what_was_not_serviced(
    client: Any, double: ServiceNowDouble
) -> None:
    for number in range(6):
        record = client.GlideRecord("problem")
        record.initialize()
        record.short_description = f"many {number}"
        record.insert()
    double.settings.batch_items = 3
    try:
        many = client.GlideRecord("problem")
        many.add_query("short_description", "STARTSWITH", "many")
        many.query()
        for row in many:
            row.short_description = "many changed"
        assert many.update_multiple()
        changed = [row["short_description"] for row in double.rows("problem")]
        assert changed == ["many changed"] * 6
        gone = client.GlideRecord("problem")
        gone.add_query("short_description", "many changed")
        assert gone.delete_multiple()
    finally:
        double.settings.batch_items = None
    assert double.rows("problem") == []


def test_it_wraps_a_long_query_in_a_batch(client: Any, double: ServiceNowDouble) -> None:
    ids = [row["sys_id"] for row in double.rows("incident")]
    record = client.GlideRecord("incident")
    record.add_query("sys_id", "IN", ",".join(ids + ["f" * 32] * 250))
    before = double.calls["POST /api/now/v1/batch"]
    record.query()
    assert len(record) == 120
    assert double.calls["POST /api/now/v1/batch"] == before + 1


def test_it_attaches_lists_reads_and_removes_files(client: Any) -> None:
    record = client.GlideRecord("incident")
    record.initialize()
    record.short_description = "with a file"
    record.insert()
    assert record.add_attachment("a.txt", b"first\nsecond").startswith("https://")
    files = record.get_attachments()
    assert len(files) == 1
    for file in files:
        assert file.file_name == "a.txt"
        assert file.readlines() == ["first", "second"]
        file.delete()
    assert len(record.get_attachments()) == 0


def test_it_logs_in_by_oauth_and_refreshes(url: tuple[str, str], double: ServiceNowDouble) -> None:
    base, trust = url
    flow = ServiceNowPasswordGrantFlow("cutover", "rehearsal", "cutover-client", "rehearsal")
    client = ServiceNowClient(base, flow, verify=trust)
    try:
        record = client.GlideRecord("sys_user")
        assert record.get("user_name", "cutover")
    finally:
        client.session.close()


def test_it_tells_a_cancelled_read(client: Any, double: ServiceNowDouble) -> None:
    double.settings.transaction_records, double.settings.transaction_truncates = 10, True
    try:
        record = client.GlideRecord("incident", batch_size=50)
        with pytest.raises(RequestException, match="Maximum execution time exceeded"):
            record.query()
    finally:
        double.settings.transaction_records, double.settings.transaction_truncates = None, False
