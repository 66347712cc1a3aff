"""The double's answers have the shapes of the vendor's own examples (skipped where those do not lie)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.rehearsal.seed import Dataset
from connectors.rehearsal.servicenow import ServiceNowDouble
from tests.rehearsal.running import running

EXAMPLES = Path(__file__).parents[3] / "shared" / "vendors" / "servicenow-examples"
pytestmark = pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the vendor's examples are not here")


def example(start: str) -> Any:
    return json.loads(next(EXAMPLES.glob(f"{start}_*.json")).read_text())


def shape(value: Any) -> Any:
    """Strings stay strings, lists show their first item, objects their keys."""
    if isinstance(value, dict):
        return {name: shape(part) for name, part in value.items()}
    if isinstance(value, list):
        return [shape(part) for part in value[:1]]
    return type(value).__name__


def includes(ours: Any, theirs: Any) -> None:
    """All that their example has, ours has, in the same type."""
    if isinstance(theirs, dict):
        assert isinstance(ours, dict)
        for name, part in theirs.items():
            assert name in ours, f"{name} is missing"
            includes(ours[name], part)
    elif isinstance(theirs, list):
        assert isinstance(ours, list)
        for part in theirs[:1]:
            includes(ours[0], part)
    else:
        assert ours == theirs


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    double = ServiceNowDouble(dataset=Dataset(3, 60))
    with running(double) as url, httpx.Client(base_url=url, auth=("cutover", "rehearsal")) as client:
        yield client


def test_rows_hold_strings_and_links_as_in_the_examples(client: httpx.Client) -> None:
    ours = client.get("/api/now/table/incident?sysparm_query=ORDERBYnumber").json()
    theirs = example("table_01")
    kinds = {json.dumps(shape(value)) for row in theirs["result"] for value in row.values()}
    assert {json.dumps(shape(value)) for row in ours["result"] for value in row.values()} == {
        json.dumps(shape({"link": "", "value": ""})), json.dumps("str"),
    }  # fmt: skip
    assert kinds == {json.dumps("str"), json.dumps({"link": "str", "value": "str"})}
    common = set(theirs["result"][0]) & set(ours["result"][0])
    assert len(common) > 35


def test_attachments_have_the_examples_fields(client: httpx.Client) -> None:
    includes(shape(client.get("/api/now/attachment").json()), shape(example("attachment_01")))
    row = client.post("/api/now/table/incident", json={}).json()["result"]
    params = {"table_name": "incident", "table_sys_id": row["sys_id"], "file_name": "a"}
    made = client.post("/api/now/attachment/file", params=params, content=b"a").json()
    includes(shape(made), shape(example("attachment_06")))
    includes(
        shape(client.get(f"/api/now/attachment/{made['result']['sys_id']}").json()), shape(example("attachment_02"))
    )


def test_a_batch_has_the_examples_fields(client: httpx.Client) -> None:
    item = {"id": "1", "method": "GET", "url": "/api/now/table/incident?sysparm_limit=1"}
    ours = client.post("/api/now/v1/batch", json={"batch_request_id": "1", "rest_requests": [item]}).json()
    includes(shape(ours), shape(example("batch_01")))


def test_import_sets_have_the_examples_fields(client: httpx.Client) -> None:
    ours = client.post("/api/now/import/u_mig_incident", json={"u_ext": "E1"}).json()
    assert shape(ours) == shape(example("import_set_02"))
    rows = client.get("/api/now/table/u_mig_incident?sysparm_fields=sys_id").json()["result"]
    assert shape(client.get(f"/api/now/import/u_mig_incident/{rows[0]['sys_id']}").json()) == shape(
        example("import_set_01")
    )
    many = client.post("/api/now/import/u_mig_incident/insertMultiple", json={"records": [{"u_ext": "E2"}]}).json()
    assert shape(many) == shape(example("import_set_05"))


def test_aggregates_have_the_examples_fields(client: httpx.Client) -> None:
    ours = client.get(
        "/api/now/stats/incident?sysparm_avg_fields=reassignment_count&sysparm_group_by=assignment_group"
    ).json()
    theirs = example("aggregate_01")
    del theirs["result"][0]["stats"]["avg"]["business_stc"]  # a figure that this double does not keep
    assert shape(ours) == shape(theirs)
