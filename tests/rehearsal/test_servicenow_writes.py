"""Writes to the ServiceNow double: rules, batch, attachments, import sets, and what survives a kill."""

from __future__ import annotations

import base64
import hashlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.rehearsal.faults import Rule
from connectors.rehearsal.seed import Dataset
from connectors.rehearsal.servicenow import ServiceNowDouble
from tests.rehearsal.running import running

INCIDENT = "/api/now/table/incident"
ID = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def double() -> ServiceNowDouble:
    return ServiceNowDouble(dataset=Dataset(3, 40), unwritable=["incident.correlation_display"])


@pytest.fixture
def client(double: ServiceNowDouble) -> Iterator[httpx.Client]:
    with running(double) as url, httpx.Client(base_url=url, auth=("cutover", "rehearsal")) as client:
        yield client


def create(client: httpx.Client, **fields: Any) -> dict[str, Any]:
    answer = client.post(INCIDENT, json=fields, params={"sysparm_exclude_reference_link": "true"})
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"].endswith(answer.json()["result"]["sys_id"])
    result: dict[str, Any] = answer.json()["result"]
    return result


# ---------------------------------------------------------------- rules


def test_the_server_computes_numbers_stamps_and_priority_and_ignores_what_it_does_not_take(
    client: httpx.Client,
) -> None:
    made = create(client, short_description="x" * 300, impact=1, urgency="2", priority="5", nonsense="1",
                  active=True, correlation_id="E1", correlation_display="no", sys_created_by="me")  # fmt: skip
    assert made["number"].startswith("INC")
    assert (made["priority"], made["impact"], made["active"]) == ("2", "1", "true")
    assert len(made["short_description"]) == 160
    assert (made["correlation_id"], made["correlation_display"], made["sys_created_by"]) == ("E1", "", "cutover")
    assert "nonsense" not in made
    again = client.patch(f"{INCIDENT}/{made['sys_id']}", json={"priority": "1"}).json()["result"]
    assert (again["priority"], again["sys_mod_count"]) == ("2", "0")  # nothing changed, so nothing was written


def test_a_client_may_choose_the_sys_id_and_the_second_one_is_refused(client: httpx.Client) -> None:
    assert create(client, sys_id=ID)["sys_id"] == ID
    again = client.post(INCIDENT, json={"sys_id": ID})
    assert again.status_code == 403
    assert "Unique Key violation" in again.json()["error"]["detail"]


def test_closing_needs_a_code_and_notes(client: httpx.Client) -> None:
    made = create(client, short_description="a")
    url = f"{INCIDENT}/{made['sys_id']}"
    refused = client.patch(url, json={"state": "7"})
    assert (refused.status_code, refused.json()["error"]["message"]) == (403, "Operation Failed")
    closed = client.put(url, json={"state": "7", "close_code": "Duplicate", "close_notes": "b"}).json()["result"]
    assert (closed["active"], closed["sys_mod_count"]) == ("false", "1")
    assert closed["closed_at"] == closed["sys_updated_on"]
    opened = client.patch(url, json={"state": "2"}).json()["result"]
    assert (opened["reopen_count"], opened["closed_at"]) == ("1", "")


def test_display_input_and_kept_stamps_are_taken_when_asked_for(client: httpx.Client, double: ServiceNowDouble) -> None:
    person = double.dataset.people[0]
    params = {"sysparm_input_display_value": "true", "sysparm_exclude_reference_link": "true"}
    body = {"caller_id": person.name, "state": "On Hold"}
    made = client.post(INCIDENT, params=params, json=body).json()["result"]
    assert (made["caller_id"], made["state"]) == (person.sys_id, "3")
    old = {"sys_created_on": "2020-01-01 00:00:00", "sys_updated_on": "2020-01-02 00:00:00"}
    kept = client.post(INCIDENT, params={"sysparm_suppress_auto_sys_field": "true"}, json=old).json()["result"]
    assert {name: kept[name] for name in old} == old


def test_a_list_counts_as_its_first_record_and_a_post_may_stand_for_a_patch(client: httpx.Client) -> None:
    before = int(client.get("/api/now/stats/incident?sysparm_count=true").json()["result"]["stats"]["count"])
    made = client.post(INCIDENT, json=[{"short_description": "a"}, {"short_description": "b"}]).json()["result"]
    after = int(client.get("/api/now/stats/incident?sysparm_count=true").json()["result"]["stats"]["count"])
    assert (made["short_description"], after) == ("a", before + 1)
    override = {"X-HTTP-Method-Override": "PATCH", "X-no-response-body": "true"}
    answer = client.post(f"{INCIDENT}/{made['sys_id']}", json={"short_description": "c"}, headers=override)
    assert (answer.status_code, answer.content) == (204, b"")
    assert client.get(f"{INCIDENT}/{made['sys_id']}").json()["result"]["short_description"] == "c"


def test_bad_bodies_are_told_apart(client: httpx.Client) -> None:
    text = {"Content-Type": "text/plain"}
    assert client.post(INCIDENT, content=b"hello", headers=text).status_code == 415
    json_type = {"Content-Type": "application/json"}
    assert client.post(INCIDENT, content=b"{", headers=json_type).status_code == 400
    assert client.get(INCIDENT, headers={"Accept": "application/xml"}).status_code == 406
    assert client.put(INCIDENT, json={}).status_code == 405
    assert client.get("/api/now/nonsense").status_code == 400


def test_a_deletion_leaves_an_audit_row_and_orphans_the_journal(client: httpx.Client) -> None:
    made = create(client, short_description="a", comments="b")
    url = f"{INCIDENT}/{made['sys_id']}"
    client.post("/api/now/attachment/file", params=target(made, "a.txt"), content=b"a")
    assert client.delete(url).status_code == 204
    assert client.delete(url).status_code == 404
    query = {"sysparm_query": f"documentkey={made['sys_id']}", "sysparm_fields": "tablename,sys_created_by"}
    audit = client.get("/api/now/table/sys_audit_delete", params=query).json()["result"]
    assert audit == [{"tablename": "incident", "sys_created_by": "cutover"}]
    query = {"sysparm_query": f"element_id={made['sys_id']}"}
    assert len(client.get("/api/now/table/sys_journal_field", params=query).json()["result"]) == 1
    query = {"sysparm_query": f"table_sys_id={made['sys_id']}"}
    assert client.get("/api/now/attachment", params=query).json()["result"] == []


def test_what_is_read_follows_what_is_written(client: httpx.Client, double: ServiceNowDouble) -> None:
    params = {"sysparm_fields": "sys_id,short_description,caller_id.email,caller_id,parent_incident.short_description",
              "sysparm_display_value": "all", "sysparm_query": "active=true^ORDERBYsys_id"}  # fmt: skip
    parent = create(client, short_description="old parent")
    child = create(client, parent_incident=parent["sys_id"], caller_id=double.dataset.people[1].sys_id)

    def read() -> dict[str, Any]:
        found = {row["sys_id"]["value"]: row for row in client.get(INCIDENT, params=params).json()["result"]}
        row: dict[str, Any] = found.get(child["sys_id"], {})
        return row

    by_name = {"sysparm_query": "caller_idLIKERenamed^ORDERBYsys_id"}
    assert client.get(INCIDENT, params=by_name).json()["result"] == []
    assert read()["parent_incident.short_description"]["value"] == "old parent"
    client.patch(f"{INCIDENT}/{parent['sys_id']}", json={"short_description": "new parent"})
    client.patch(f"{INCIDENT}/{child['sys_id']}", json={"short_description": "new"})
    person = {"sys_id": double.dataset.people[1].sys_id, "fields": {"name": "Renamed", "email": "new@example.com"}}
    assert client.post("/_rehearsal/write", json={"table": "sys_user", **person}).status_code == 200
    now = read()
    assert child["sys_id"] in [row["sys_id"] for row in client.get(INCIDENT, params=by_name).json()["result"]]
    assert now["parent_incident.short_description"]["value"] == "new parent"
    assert now["short_description"]["value"] == "new"
    assert (now["caller_id"]["display_value"], now["caller_id.email"]["value"]) == ("Renamed", "new@example.com")
    client.patch(f"{INCIDENT}/{child['sys_id']}", json={"active": "false"})
    assert read() == {}  # it left the filter


def test_a_scripted_user_writes_by_the_rules_or_around_them(client: httpx.Client, double: ServiceNowDouble) -> None:
    user = double.dataset.people[3].user_name
    edit = {"action": "insert", "fields": {"short_description": "a", "work_notes": "b"}, "user": user}
    made = client.post("/_rehearsal/write", json=edit).json()["result"]
    assert (made["sys_created_by"], made["priority"]) == (user, "5")
    quiet = {"sys_id": made["sys_id"], "fields": {"short_description": "c"}, "raw": True}
    after = client.post("/_rehearsal/write", json=quiet).json()["result"]
    assert (after["short_description"], after["sys_mod_count"]) == ("c", made["sys_mod_count"])
    bad = client.post("/_rehearsal/write", json={"action": "burn"})
    assert (bad.status_code, "insert" in bad.json()["error"]) == (400, True)
    assert client.post("/_rehearsal/write", json={"action": "delete", "sys_id": ID}).status_code == 400


def test_a_dropped_answer_hides_a_write_that_was_made(client: httpx.Client, double: ServiceNowDouble) -> None:
    double.faults.add(Rule("POST .*/incident$", "drop_after"))
    with pytest.raises(httpx.RemoteProtocolError):
        client.post(INCIDENT, json={"sys_id": ID, "short_description": "a"})
    assert client.get(f"{INCIDENT}/{ID}").json()["result"]["short_description"] == "a"


# ---------------------------------------------------------------- attachments


def target(row: dict[str, Any], name: str) -> dict[str, str]:
    return {"table_name": "incident", "table_sys_id": row["sys_id"], "file_name": name}


def test_files_of_the_data_set_have_the_size_and_the_hash_they_claim(client: httpx.Client) -> None:
    listed = client.get("/api/now/attachment").json()["result"]
    assert listed
    for item in listed:
        answer = client.get(f"/api/now/attachment/{item['sys_id']}/file")
        assert hashlib.sha256(answer.content).hexdigest() == item["hash"]
        assert str(len(answer.content)) == item["size_bytes"]
        assert json.loads(answer.headers["x-attachment-metadata"])["file_name"] == item["file_name"]
        assert item["download_link"] == str(client.base_url.join(f"/api/now/attachment/{item['sys_id']}/file"))


def test_files_are_uploaded_raw_and_by_form_renamed_and_deleted(client: httpx.Client) -> None:
    row = create(client)
    content = bytes(range(256)) * 4
    raw = client.post("/api/now/attachment/file", params=target(row, "größe.bin"), content=content,
                      headers={"Content-Type": "application/x-thing"})  # fmt: skip
    assert raw.status_code == 201
    one = raw.json()["result"]
    assert raw.headers["location"].endswith(one["sys_id"])
    assert (one["size_bytes"], one["hash"]) == ("1024", hashlib.sha256(content).hexdigest())
    form = {"table_name": "incident", "table_sys_id": row["sys_id"]}
    files = {"uploadFile": ("b.txt", b"hello", "text/plain")}
    assert client.post("/api/now/attachment/upload", data=form, files=files).status_code == 201
    query = {"sysparm_query": f"table_name=incident^table_sys_id={row['sys_id']}"}
    listed = client.get("/api/now/attachment", params=query).json()["result"]
    assert [item["file_name"] for item in listed] == ["größe.bin", "b.txt"] or len(listed) == 2
    one_url = f"/api/now/attachment/{one['sys_id']}"
    assert client.get(f"{one_url}/file").content == content
    assert client.patch(one_url, json={"file_name": "c.bin"}).status_code == 204
    assert client.get(one_url).json()["result"]["file_name"] == "c.bin"
    assert client.delete(one_url).status_code == 204
    assert client.get(f"{one_url}/file").status_code == 404


def test_a_file_is_refused_for_its_parent_its_kind_or_its_size(client: httpx.Client, double: ServiceNowDouble) -> None:
    row = create(client)
    url = "/api/now/attachment/file"
    assert client.post(url, params=target({"sys_id": ID}, "a.txt"), content=b"a").status_code == 404
    assert client.post(url, params=target(row, "a.exe"), content=b"a").status_code == 403
    assert client.post(url, params={"file_name": "a.txt"}, content=b"a").status_code == 400
    double.settings.attachment_size = 2
    assert client.post(url, params=target(row, "a.txt"), content=b"abc").status_code == 413


# ---------------------------------------------------------------- batch


def item(name: str, method: str, url: str, body: Any = None) -> dict[str, Any]:
    headers = [{"name": "Content-Type", "value": "application/json"}, {"name": "Accept", "value": "application/json"}]
    made: dict[str, Any] = {"id": name, "method": method, "url": url, "headers": headers}
    if body is not None:
        made["body"] = base64.b64encode(json.dumps(body).encode()).decode()
    return made


def batch(client: httpx.Client, *items: dict[str, Any], **headers: str) -> dict[str, Any]:
    envelope = {"batch_request_id": 7, "rest_requests": list(items)}
    answer = client.post("/api/now/v1/batch", json=envelope, headers=headers)
    assert answer.status_code == 200
    doc: dict[str, Any] = answer.json()
    return doc


def test_each_item_of_a_batch_has_its_own_status_and_later_ones_see_earlier_ones(client: httpx.Client) -> None:
    doc = batch(
        client,
        item("a", "POST", INCIDENT, {"sys_id": ID, "short_description": "a"}),
        item("b", "PATCH", f"{INCIDENT}/{ID}", {"state": "7"}),
        item("c", "GET", f"{INCIDENT}?sysparm_query=sys_id={ID}&sysparm_fields=sys_id"),
        item("d", "DELETE", f"{INCIDENT}/{ID}"),
        item("e", "GET", f"http://elsewhere{INCIDENT}"),
    )
    assert doc["batch_request_id"] == "7"
    assert [(done["id"], done["status_code"]) for done in doc["serviced_requests"]] == [
        ("a", 201), ("b", 403), ("c", 200), ("d", 204), ("e", 400),
    ]  # fmt: skip
    assert json.loads(base64.b64decode(doc["serviced_requests"][2]["body"])) == {"result": [{"sys_id": ID}]}
    total = [pair["value"] for pair in doc["serviced_requests"][2]["headers"] if pair["name"] == "x-total-count"]
    assert total == ["1"]
    assert doc["unserviced_requests"] == []


def test_a_batch_leaves_items_unserviced_when_its_time_or_its_room_is_up(
    client: httpx.Client, double: ServiceNowDouble
) -> None:
    reads = [item(str(n), "GET", f"{INCIDENT}?sysparm_limit=1") for n in range(4)]
    small = batch(client, *reads, **{"X-BATCHREQUEST-MAX-OUTPUT-SIZE": "100"})
    assert small["unserviced_requests"] == ["1", "2", "3"]
    double.settings.batch_items = 3
    assert batch(client, *reads)["unserviced_requests"] == ["3"]
    assert client.post("/api/now/v1/batch", json={"rest_requests": "x"}).status_code == 400


# ---------------------------------------------------------------- import sets


def test_an_import_set_inserts_updates_and_ignores_by_the_external_id(client: httpx.Client) -> None:
    def stage(**fields: str) -> dict[str, Any]:
        answer = client.post("/api/now/import/u_mig_incident", json=fields)
        assert answer.status_code == 201
        result: dict[str, Any] = answer.json()["result"][0]
        return result

    first = stage(u_ext="E1", u_short="x")
    assert (first["status"], first["display_name"], first["transform_map"]) == ("inserted", "number", "Mig incident")
    second = stage(u_ext="E1", u_short="y")
    assert (second["status"], second["sys_id"]) == ("updated", first["sys_id"])
    assert stage(u_ext="E1", u_short="y")["status"] == "ignored"
    assert stage(u_short="y")["status"] == "skipped"
    refused = stage(u_ext="E2", u_state="7")
    assert (refused["status"], "mandatory" in refused["error_message"]) == ("error", True)


def test_many_rows_are_transformed_after_the_answer(client: httpx.Client) -> None:
    records = [{"External id": f"M{n}", "Short": "a"} for n in range(5)]
    answer = client.post("/api/now/import/u_mig_incident/insertMultiple", json={"records": records})
    assert set(answer.json()) == {"import_set_id", "multi_import_set_id"}
    query = {"sysparm_query": f"sys_import_set={answer.json()['import_set_id']}"}
    deadline = time.monotonic() + 5
    while True:
        staged = client.get("/api/now/table/sys_import_set_row", params=query).json()["result"]
        if {row["sys_import_state"] for row in staged} == {"inserted"}:
            break
        assert time.monotonic() < deadline, "the rows were not transformed"
    assert len({row["sys_target_sys_id"] for row in staged}) == 5


# ---------------------------------------------------------------- durability


def test_writes_are_there_again_after_a_restart(tmp_path: Path) -> None:
    journal = tmp_path / "servicenow.jsonl"

    def start() -> ServiceNowDouble:
        return ServiceNowDouble(dataset=Dataset(3, 20), journal=journal)

    first = start()
    with running(first) as url, httpx.Client(base_url=url, auth=("cutover", "rehearsal")) as client:
        made = create(client, short_description="kept", comments="a")
        client.post("/api/now/attachment/file", params=target(made, "a.txt"), content=b"bytes")
        gone = first.rows("incident")[0]["sys_id"]
        client.delete(f"{INCIDENT}/{gone}")
    second = start()
    for table in ("incident", "sys_journal_field", "sys_attachment", "sys_audit_delete"):
        assert sorted(map(repr, first.rows(table))) == sorted(map(repr, second.rows(table)))
    with running(second) as url, httpx.Client(base_url=url, auth=("cutover", "rehearsal")) as client:
        again = create(client, short_description="new")
        assert again["sys_id"] != made["sys_id"]
        assert again["number"] > made["number"]
        query = {"sysparm_query": f"table_sys_id={made['sys_id']}"}
        file = client.get("/api/now/attachment", params=query).json()["result"][0]
        assert client.get(f"/api/now/attachment/{file['sys_id']}/file").content == b"bytes"


def test_the_served_process_survives_kill_9_and_ends_cleanly_on_sigterm(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "connectors.rehearsal.serve", "--servicenow", "0", "--records", "20",
               "--state", str(tmp_path / "state")]  # fmt: skip

    def start() -> tuple[subprocess.Popen[str], str]:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("servicenow: http://127.0.0.1:")
        return process, line.split()[1]

    process, url = start()
    with process:
        httpx.post(url + INCIDENT, json={"sys_id": ID}, auth=("cutover", "rehearsal")).raise_for_status()
        process.kill()
    process, url = start()
    with process:
        assert httpx.get(f"{url}{INCIDENT}/{ID}", auth=("cutover", "rehearsal")).status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
