"""What every rehearsal system does: faults, journal, clock, control endpoints; over real sockets and in process."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.rehearsal.base import Answer, Double, Time
from connectors.rehearsal.faults import Faults, Rule
from tests.rehearsal.running import certificate, running


class Shelf(Double):
    """A system with one kind of thing in it."""

    name = "shelf"

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.things: list[str] = []
        self.recover()

    def routes(self) -> list[Route]:
        return [
            Route("/things", self._put, methods=["POST"]),
            Route("/things/{number}", self._get, methods=["GET"]),
        ]

    def replay(self, kind: str, doc: dict[str, Any]) -> None:
        self.things.append(doc["thing"])

    def counts(self) -> dict[str, int]:
        return {"things": len(self.things)}

    async def _put(self, request: Request) -> Response:
        thing = (await request.json())["thing"]
        self.record("thing", {"thing": thing})
        self.things.append(thing)
        return Answer({"number": len(self.things) - 1}, 201)

    async def _get(self, request: Request) -> Response:
        return Answer({"thing": self.things[int(request.path_params["number"])]})


class Still(Time):
    def now(self) -> datetime:
        return datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def fault(kind: str, match: str = "", times: int | None = 1, **args: Any) -> Rule:
    return Rule(match, kind, times, args=args)


def test_a_call_dropped_before_is_not_applied_and_one_dropped_after_is() -> None:
    shelf = Shelf()
    with running(shelf) as url, httpx.Client(base_url=url) as client:
        shelf.faults.add(fault("drop_before", "POST /things"))
        with pytest.raises(httpx.RemoteProtocolError):
            client.post("/things", json={"thing": "a"})
        assert shelf.things == []
        shelf.faults.add(fault("drop_after", "POST /things"))
        with pytest.raises(httpx.RemoteProtocolError):
            client.post("/things", json={"thing": "b"})
        assert shelf.things == ["b"]
        assert client.post("/things", json={"thing": "c"}).json() == {"number": 1}


def test_in_process_a_dropped_call_is_a_transport_error_too() -> None:
    async def body() -> None:
        shelf = Shelf()
        async with httpx.AsyncClient(transport=httpx.ASGITransport(shelf.app), base_url="http://shelf") as client:
            shelf.faults.add(fault("drop_after"))
            with pytest.raises(httpx.TransportError):
                await client.post("/things", json={"thing": "a"})
            assert (await client.get("/things/0")).json() == {"thing": "a"}
            shelf.faults.add(fault("truncated", early_close=True))
            with pytest.raises(httpx.TransportError):
                await client.get("/things/0")

    asyncio.run(body())


def test_a_status_comes_before_or_after_the_commit() -> None:
    shelf = Shelf()
    with running(shelf) as url, httpx.Client(base_url=url) as client:
        shelf.faults.add(fault("status_before", code=503), fault("status_after", code=500))
        assert client.post("/things", json={"thing": "a"}).status_code == 503
        assert client.post("/things", json={"thing": "b"}).status_code == 500
        assert shelf.things == ["b"]


def test_a_truncated_answer_is_well_framed_or_ends_early() -> None:
    shelf = Shelf()
    shelf.things.append("x" * 1000)
    with running(shelf) as url, httpx.Client(base_url=url) as client:
        shelf.faults.add(fault("truncated"))
        answer = client.get("/things/0")
        assert answer.status_code == 200
        with pytest.raises(ValueError):
            answer.json()
        shelf.faults.add(fault("truncated", early_close=True))
        with pytest.raises(httpx.RemoteProtocolError):
            client.get("/things/0")
        assert client.get("/things/0").json()["thing"] == "x" * 1000


def test_a_page_for_people_a_throttle_and_an_expired_token_have_their_shapes() -> None:
    shelf = Shelf()
    with running(shelf) as url, httpx.Client(base_url=url) as client:
        shelf.faults.add(fault("html_200"), fault("throttle", seconds=7), fault("token_expired"))
        page = client.get("/things/0")
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        refused = client.get("/things/0")
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "7")
        assert client.get("/things/0").status_code == 401


def test_faults_are_set_and_cleared_by_the_control_endpoint() -> None:
    shelf = Shelf()
    with running(shelf) as url, httpx.Client(base_url=url) as client:
        bad = client.post("/_rehearsal/faults", json=[{"kind": "drop_everything"}])
        assert bad.status_code == 400
        assert "drop_before" in bad.json()["error"]
        client.post("/_rehearsal/faults", json=[{"match": "POST", "kind": "status_before", "times": None}])
        assert [client.post("/things", json={"thing": "a"}).status_code for _ in range(3)] == [503] * 3
        client.delete("/_rehearsal/faults")
        assert client.post("/things", json={"thing": "a"}).status_code == 201
        state = client.get("/_rehearsal/state").json()
        assert state["counts"] == {"things": 1}
        assert state["calls"] == {"POST /things": 1}
        assert state["answers"] == {"503": 3, "201": 1}
        assert state["faults"] == {"rules": [], "fired": {"status_before": 3}}


def test_one_seed_gives_one_order_of_faults() -> None:
    def night(seed: int) -> list[bool]:
        faults = Faults(seed=seed, rates={"drop_after": 0.2})
        return [faults.draw("POST /things") is not None for _ in range(500)]

    assert night(4) == night(4) != night(5)
    assert 60 < sum(night(4)) < 140


@pytest.mark.parametrize(
    "doc",
    [
        {"kind": "slow", "args": {"minutes": 1}},
        {"kind": "slow", "rate": 2},
        {"kind": "slow", "times": 0},
        {"kind": "slow", "match": "("},
        {"kind": "slow", "when": "now"},
        [],
    ],
)
def test_a_bad_fault_says_what_is_wrong(doc: Any) -> None:
    with pytest.raises(ValueError, match=r"fault"):
        Rule.read(doc)


def test_the_date_is_the_doubles_own() -> None:
    shelf = Shelf(time=Still())
    with running(shelf) as url:
        assert httpx.get(f"{url}/_rehearsal/health").headers["date"] == "Fri, 02 Jan 2026 03:04:05 GMT"


def test_writes_outlive_the_double_and_a_torn_last_line_is_ignored(tmp_path: Path) -> None:
    journal = tmp_path / "state" / "shelf.jsonl"
    first = Shelf(journal=journal)
    for thing in "ab":
        first.record("thing", {"thing": thing})
    first.close()
    with journal.open("ab") as file:
        file.write(b'["thing",{"thi')
    second = Shelf(journal=journal)
    assert second.things == ["a", "b"]
    second.record("thing", {"thing": "c"})
    second.close()
    third = Shelf(journal=journal)
    third.close()
    assert third.things == ["a", "b", "c"]


def test_a_journal_of_another_seed_or_a_damaged_one_is_refused(tmp_path: Path) -> None:
    journal = tmp_path / "shelf.jsonl"
    Shelf(journal=journal).close()
    with pytest.raises(ValueError, match="same seed"):
        Shelf(journal=journal, seed=2)
    with journal.open("ab") as file:
        file.write(b"nonsense\n")
    with pytest.raises(ValueError, match="line 2 is damaged"):
        Shelf(journal=journal)


def test_latency_is_added_to_every_call_and_tls_is_trusted_by_its_certificate(tmp_path: Path) -> None:
    shelf = Shelf(latency=0.05)
    shelf.things.append("a")
    with running(shelf, tls=True, folder=tmp_path) as url:
        import ssl

        trust = ssl.create_default_context(cafile=certificate(tmp_path))
        with httpx.Client(base_url=url, verify=trust) as client:
            answer = client.get("/things/0")
            assert answer.json() == {"thing": "a"}
            assert answer.elapsed.total_seconds() >= 0.05
