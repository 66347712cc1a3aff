"""Every request that the connector makes is one that Atlassian's own description of the API allows."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from openapi_schema_validator import OAS30Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

from connectors.jira import connect
from connectors.jira.connector import Jira
from connectors.kit.contract import Connection, Move, Scope, Write, Written
from connectors.rehearsal.jira import JiraDouble
from tests.jira.desk import AUTH, QUICK, content, doubts, write
from tests.jira.test_source import read_all, seed
from tests.kit.ports import plain_ports

SPEC = Path(__file__).parents[3] / "shared" / "vendors" / "specs" / "jira-cloud-swagger-v3.json"


class Recording(httpx.ASGITransport):
    """The double in process; keeps what is sent to it."""

    def __init__(self, double: JiraDouble) -> None:
        super().__init__(app=double.app)
        self.sent: list[tuple[str, httpx.URL, bytes]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.sent.append((request.method, request.url, await request.aread()))
        return await super().handle_async_request(request)


async def use_everything(transport: Recording, double: JiraDouble) -> None:
    options = QUICK | {"transport": transport}
    jira = connect(Connection("jira", "jira", "http://jira.test", AUTH, options), plain_ports())
    scope = Scope("issue", ("summary ~ DESK OR summary ~ record",))
    everything = ["issue", "comment", "attachment", "link"]
    await jira.check([scope], everything)
    for entity in everything:
        await jira.schema(entity)
    await jira.canary("issue")
    position = await jira.position(scope)
    await seed(double, 3)
    writes = [write(n, description="d", priority="High", labels=["a"], duedate="2026-01-01") for n in range(3)]
    left = await doubts(jira, "issue", writes)
    one, two, three = [o.target for o in await jira.create("issue", writes) if isinstance(o, Written)]
    await jira.find("issue", [*left, left[0]._replace(xid="absent")])
    await jira.update("issue", [Write("XID0000", {"summary": "s", "labels": ["b"], "customfield_10050": "x"}, one)])
    await jira.move("issue", [Move("XID0000", one, "Done", {"resolution": "Done"}), Move("x", two, "Nowhere")])
    children = {
        "comment": Write("C1", {"body": "b"}, parent=one),
        "attachment": Write("A1", {"filename": "a.txt"}, parent=one, content=content(b"abc")),
        "link": Write("L1", {"type": "Blocks", "from": one, "to": two}),
    }
    for entity, child in children.items():
        left = await doubts(jira, entity, [child])
        (outcome,) = await jira.create(entity, [child])
        assert isinstance(outcome, Written)
        await jira.find(entity, left)
        if entity != "link":
            (record,) = await jira.children(Scope(entity), [one])
            await jira.fetch(Scope(entity), [record.key])
        if entity == "attachment":
            assert b"".join([piece async for piece in jira.content(entity, record)()]) == b"abc"
        if entity == "comment":
            await jira.update(entity, [Write("C1", {"body": "c"}, outcome.target)])
        await jira.learn(entity)
        assert list(await jira.stand(entity, [outcome.target], list(child.fields))) == [outcome.target]
        assert len(await jira.hanging("issue", entity, [one])) == 1
        await jira.delete(entity, [outcome.target])
    await read_back(jira, [one, two])
    await jira.accounts(["cutover@example.com"])
    await jira.emails(["a", "b"])
    await read_all(jira, scope, parts=2, limit=2)
    await jira.fetch(scope, [one, two])
    await jira.count(scope)
    await jira.changes(scope, position)
    await jira.delete("issue", [three])
    await jira.close()


async def read_back(jira: Jira, targets: list[str]) -> None:
    names = ["summary", "labels", "priority"]
    await jira.learn("issue")
    assert len(await jira.stand("issue", targets, names)) == 2
    await jira.census("issue", "", 10)
    await jira.tally("issue")
    await jira.others("issue", targets)
    image = await jira.image("issue", targets, names)
    for xid in ("XID0000", ""):
        await jira.restore("issue", [Write(xid, image[targets[0]], targets[0])])


@pytest.mark.skipif(not SPEC.exists(), reason="the vendor's description of the API is not here")
def test_every_request_is_one_that_the_vendor_describes() -> None:
    spec = orjson.loads(SPEC.read_bytes())
    registry: Any = Registry().with_resource("spec:", Resource(contents=spec, specification=DRAFT4))
    templates = {re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))): path for path in spec["paths"]}
    transport = Recording(double := JiraDouble())
    asyncio.run(use_everything(transport, double))

    judged = set()
    for method, url, body in transport.sent:
        path = url.path
        if "/media/" in path:
            continue
        fitting = [template for pattern, template in templates.items() if pattern.fullmatch(path)]
        assert fitting, f"{method} {path} is not in the vendor's description"
        operations = [spec["paths"][one][method.lower()] for one in sorted(fitting, key=lambda one: one.count("{"))[:1]]
        (operation,) = operations
        known = {parameter["name"] for parameter in operation.get("parameters", ())}
        assert set(url.params) <= known, f"{method} {path}: {set(url.params) - known} are no parameters of it"
        media = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if body and media:
            validator = OAS30Validator(_rooted(media["schema"]), registry=registry)
            problems = [error.message for error in validator.iter_errors(orjson.loads(body))]
            assert not problems, f"{method} {path}: {problems[:3]}"
        judged.add(f"{method} {fitting[0]}")
    assert len(judged) >= 30


def _rooted(schema: Any) -> Any:
    """A schema whose references lead into the whole description."""
    if isinstance(schema, dict):
        return {
            key: f"spec:{value}" if key == "$ref" and isinstance(value, str) else _rooted(value)
            for key, value in schema.items()
        }
    return [_rooted(item) for item in schema] if isinstance(schema, list) else schema
