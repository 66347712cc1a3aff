"""Brings issues to a status, step by step through their workflow.

The workflow is learned from the transitions that Jira offers, and kept per (project, issue type): later records need
one POST a step and no look. A status whose ways out are unknown is looked into through another issue that is in it, if
there is one, before a record is sent there to find out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.jira import answers
from connectors.jira.answers import GONE
from connectors.jira.client import Client
from connectors.jira.fetch import by_id
from connectors.jira.jql import conjunction, quote
from connectors.jira.shape import Misfit, Screen
from connectors.jira.workflow import Graph, Step, steps_of
from connectors.kit.contract import Fields, Move, Outcome, Rejected, Written
from connectors.kit.errors import InDoubt, Unavailable

STEPS = 10
REFUSALS = 4
NO_PATH = "no path to the status"


@dataclass
class Trip:
    """One record on its way."""

    move: Move
    issue: str
    status: str  # id
    name: str  # casefolded
    kind: tuple[str, str]  # project and issue type ids
    graph: Graph
    avoid: set[tuple[str, str]] = field(default_factory=set)  # steps that this record was refused
    refusals: int = 0

    @property
    def goal(self) -> str:
        return self.move.status.casefold()


class Moves:
    def __init__(self, client: Client) -> None:
        self._client = client
        self._graphs: dict[tuple[str, str], Graph] = {}
        self._peeked: set[tuple[tuple[str, str], str]] = set()
        self._peeking = asyncio.Lock()

    async def move(self, moves: Sequence[Move]) -> list[Outcome]:
        there = await by_id(self._client, {move.target for move in moves}, ["status", "project", "issuetype"])

        async def run(move: Move) -> Outcome:
            issue = there.get(move.target)
            return Rejected(move.xid, GONE) if issue is None else await self._run(self._trip(move, issue))

        return await self._client.each(moves, lambda move: (move.target,), run)

    def _trip(self, move: Move, issue: Fields) -> Trip:
        fields = issue["fields"]
        kind = (str(fields["project"]["id"]), str(fields["issuetype"]["id"]))
        graph = self._graphs.setdefault(kind, Graph())
        status = fields["status"]
        return Trip(move, str(issue["id"]), str(status["id"]), str(status["name"]).casefold(), kind, graph)

    async def _run(self, trip: Trip) -> Outcome:
        xid = trip.move.xid
        try:
            for _ in range(STEPS):
                if trip.name != trip.goal and trip.status not in trip.graph.steps:
                    await self._look(trip)
                if trip.name == trip.goal:
                    return Written(xid, trip.move.target, created=False)
                step = await self._next(trip)
                if step is None:
                    break
                await self._take(trip, step)
            done = trip.name == trip.goal
            return Written(xid, trip.move.target, created=False) if done else Rejected(xid, NO_PATH, "status")
        except Misfit as misfit:
            return Rejected(xid, misfit.cause, misfit.field)

    async def _next(self, trip: Trip) -> Step | None:
        """The next step of the shortest known way; else towards what is not known yet, the nearest first."""
        avoid = frozenset(trip.avoid)
        while (way := trip.graph.path(trip.status, trip.goal, avoid)) is None:
            unknown = trip.graph.frontier(trip.status, avoid)
            if not unknown:
                return None
            if not await self._peek(trip, [one[-1] for one in unknown]):
                return unknown[0][0]
        return way[0]

    async def _peek(self, trip: Trip, ends: Sequence[Step]) -> bool:
        """Learn the ways out of one of these statuses from another issue that is in it. False: none could be seen."""
        async with self._peeking:
            for end in ends:
                if end.to in trip.graph.steps:
                    return True  # another record learned it meanwhile
                if (trip.kind, end.to) in self._peeked:
                    continue
                self._peeked.add((trip.kind, end.to))
                clauses = (("project", trip.kind[0]), ("issuetype", trip.kind[1]), ("status", end.to))
                body = {
                    "jql": conjunction([f"{name} = {quote(value)}" for name, value in clauses], "key ASC"),
                    "maxResults": 1,
                    "fields": ["id"],
                }
                reply = await self._client.send("POST", "/search/jql", scope="search", body=body, safe=True)
                found = (reply.body or {}).get("issues") or () if reply.status == 200 else ()
                if found and await self._learn(str(found[0]["id"]), trip.graph, end.to):
                    return True
        return False

    async def _learn(self, issue: str, graph: Graph, status: str = "") -> Fields | None:
        """Keep the ways out of the status that this issue is in, and return that status; None when it is gone or (where
        `status` is given) no longer there."""
        params = {"fields": "status", "expand": "transitions,transitions.fields"}
        reply = await self._client.send("GET", f"/issue/{issue}", scope="issue.get", params=params)
        if reply.status != 200:
            return None
        current: Fields = reply.body["fields"]["status"]
        if status and str(current["id"]) != status:
            return None  # the search lagged
        answer = reply.body
        if not any("fields" in transition for transition in answer.get("transitions") or ()):
            path = f"/issue/{issue}/transitions"
            answer = await self._client.get(path, scope="transitions", params={"expand": "transitions.fields"})
        graph.learn(str(current["id"]), steps_of(answer))
        return current

    async def _look(self, trip: Trip) -> None:
        """Where the record is now, and what leads on from there."""
        current = await self._learn(trip.issue, trip.graph)
        if current is None:
            raise Misfit(GONE, "")
        trip.status, trip.name = str(current["id"]), str(current["name"]).casefold()

    async def _take(self, trip: Trip, step: Step) -> None:
        """Take one step, or find out where the record is instead. Misfit when Jira will not have it."""
        fields = given(step, trip.move.fields, final=step.name == trip.goal)
        body: dict[str, Any] = {"transition": {"id": step.id}} | ({"fields": fields} if fields else {})
        before = trip.status
        try:
            path = f"/issue/{trip.issue}/transitions"
            reply = await self._client.send("POST", path, scope="issue.move", body=body)
        except InDoubt:
            # Taken late, a step from anywhere could undo a later one: wait until it has either come or died.
            await self._client.wait(self._client.options.late_commit)
            await self._look(trip)
            return
        if reply.status < 300:
            trip.status, trip.name = step.to, step.name
            return
        trip.refusals += 1
        if reply.status == 409 and trip.refusals >= REFUSALS:
            raise Unavailable("others keep changing the issue: its status could not be moved")
        if reply.status == 409:
            await self._client.wait(0.5 * 2**trip.refusals)
        if reply.status in (400, 409):
            await self._look(trip)
        stuck = reply.status == 400 and trip.status == before
        if reply.status not in (400, 409) or (stuck and answers.errors_of(reply.body)[1]):
            refused = answers.rejected(trip.move.xid, reply.status, reply.body, trip.move.fields)
            raise Misfit(refused.cause, refused.field)
        if stuck:
            trip.avoid.add((before, step.id))  # a condition that this record does not meet


def given(step: Step, fields: Mapping[str, Any], *, final: bool) -> dict[str, Any]:
    """What a step's screen gets: all it has a field for on the last step, only what it requires on the way.

    Raises Misfit when it requires a field that the mapping does not give.
    """
    wanted = [
        {"fieldId": id} | dict(meta)
        for id, meta in step.wants.items()
        if final or (meta.get("required") and not meta.get("hasDefaultValue"))
    ]
    screen = Screen(wanted, "transition")
    given_ids = {screen.slots[name].id: value for name, value in fields.items() if name in screen.slots}
    for id, meta in screen.fields.items():
        if meta.get("required") and not meta.get("hasDefaultValue") and given_ids.get(id) is None:
            raise Misfit("the step to this status requires the field, and the mapping gives none", id)
    return screen.shape(given_ids)
