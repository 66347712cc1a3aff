"""Writing records of tables: create under an id of our own choosing, update, move, delete; each answer read back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from connectors.kit.contract import Doubt, Failed, Move, Outcome, Rejected, Write, Written
from connectors.kit.errors import ConnectorError, InDoubt, Misconfigured, Unavailable
from connectors.servicenow.dictionary import Dictionary, Table
from connectors.servicenow.instance import TABLE, Instance, Item, ItemReply, Row, error_text
from connectors.servicenow.reading import Reader
from connectors.servicenow.values import cause, chosen_id, is_journal, lost, to_text

CORRELATION = "correlation_id"


class Writer:
    """The records of tables, as a target."""

    def __init__(self, instance: Instance, dictionary: Dictionary, reader: Reader, status_field: str) -> None:
        self._instance = instance
        self._dictionary = dictionary
        self._reader = reader
        self._status_field = status_field
        self.tables: set[str] = set()  # written so far

    async def create(self, entity: str, writes: Sequence[Write]) -> list[Outcome]:
        """Each under its chosen sys_id, so that a resend can make no second one, whatever became of the first."""
        table = await self._dictionary.table(entity)
        self.tables.add(entity)
        outcomes: dict[str, Outcome] = {}
        bodies: dict[str, dict[str, str]] = {}
        for write in writes:
            body = self._body(table, write.xid, write.fields)
            if isinstance(body, Rejected):
                outcomes[write.xid] = body
                continue
            if CORRELATION in table.columns:
                body[CORRELATION] = write.xid
            bodies[write.xid] = body | {"sys_id": chosen_id(entity, write.xid)}
        replies = await self._send([Item("POST", _path(entity, "", body), body) for body in bodies.values()], safe=True)
        refused: dict[str, ItemReply] = {}
        for (xid, body), reply in zip(bodies.items(), replies, strict=True):
            if isinstance(reply, ConnectorError):
                outcomes[xid] = Failed(xid, reply)
            elif reply.status == 201 and (row := _row(reply)) is not None:
                outcomes[xid] = _kept(xid, body, row, table, created=True)
            elif 400 <= reply.status < 500:
                refused[xid] = reply
            else:
                outcomes[xid] = Failed(xid, self._broken(entity, reply, safe=True))
        try:
            outcomes |= await self._already(table, {xid: bodies[xid] for xid in refused}, refused)
        except ConnectorError as error:
            outcomes |= {xid: Failed(xid, error) for xid in refused}
        return [outcomes[write.xid] for write in writes]

    async def update(self, entity: str, writes: Sequence[Write]) -> list[Outcome]:
        """Only the named fields. Sent twice does no harm, unless a journal field is among them: that adds an entry."""
        table = await self._dictionary.table(entity)
        outcomes: dict[int, Outcome] = {}
        bodies: dict[int, dict[str, str]] = {}
        for number, write in enumerate(writes):
            body = self._body(table, write.xid, write.fields)
            if isinstance(body, Rejected):
                outcomes[number] = body
            else:
                bodies[number] = body
        items = [Item("PATCH", _path(entity, writes[number].target, body), body) for number, body in bodies.items()]
        safe = not any(is_journal(name, table.columns) for body in bodies.values() for name in body)
        for (number, body), reply in zip(bodies.items(), await self._send(items, safe=safe), strict=True):
            xid = writes[number].xid
            if isinstance(reply, ConnectorError):
                outcomes[number] = Failed(xid, reply)
            elif reply.status == 200 and (row := _row(reply)) is not None:
                outcomes[number] = _kept(xid, body, row, table, created=False)
            elif 400 <= reply.status < 500:
                outcomes[number] = Rejected(xid, cause(reply.status, reply.body, body))
            else:
                outcomes[number] = Failed(xid, self._broken(entity, reply, safe=safe))
        return [outcomes[number] for number in range(len(writes))]

    async def move(self, entity: str, moves: Sequence[Move]) -> list[Outcome]:
        """Sets the status field; a record that has this status already is left alone. Proven by reading back."""
        field = self._status_field
        labels = await self._dictionary.choices(entity, field)
        by_name = {label.casefold(): value for value, label in labels.items()} | {value: value for value in labels}
        rows = await self._reader.rows(entity, "sys_id", [move.target for move in moves], ("sys_id", field))
        present = {row["sys_id"]: str(row.get(field, "")) for row in rows}
        outcomes: dict[int, Outcome] = {}
        writes: dict[int, Write] = {}
        for number, move in enumerate(moves):
            value = by_name.get(move.status) or by_name.get(move.status.casefold())
            if value is None:
                outcomes[number] = Rejected(move.xid, "no such status", field)
            elif move.target not in present:
                outcomes[number] = Rejected(move.xid, "gone at target")
            elif present[move.target] == value:
                outcomes[number] = Written(move.xid, move.target, False)
            else:
                writes[number] = Write(move.xid, {**move.fields, field: value}, move.target)
        for number, outcome in zip(writes, await self.update(entity, list(writes.values())), strict=True):
            if isinstance(outcome, Rejected) and outcome.field == field:
                outcome = Rejected(outcome.xid, "the system did not take the status", field)
            outcomes[number] = outcome
        return [outcomes[number] for number in range(len(moves))]

    async def find(self, entity: str, doubts: Sequence[Doubt]) -> dict[str, Written]:
        """By the chosen sys_id: a read by key, strongly consistent."""
        rows = await self._rows(await self._dictionary.table(entity), [doubt.xid for doubt in doubts])
        return {xid: Written(xid, row["sys_id"]) for xid, row in rows.items()}

    async def delete(self, entity: str, targets: Sequence[str], base: str = TABLE) -> list[Outcome]:
        items = [Item("DELETE", f"{base}{entity}/{quote(target)}") for target in targets]
        outcomes: list[Outcome] = []
        for target, reply in zip(targets, await self._send(items, safe=True), strict=True):
            if isinstance(reply, ConnectorError):
                outcomes.append(Failed(target, reply))
            elif reply.status in (200, 204, 404):
                outcomes.append(Written(target, target, False))
            elif 400 <= reply.status < 500:
                outcomes.append(Rejected(target, cause(reply.status, reply.body, {})))
            else:
                outcomes.append(Failed(target, self._broken(entity, reply, safe=True)))
        return outcomes

    async def homes(self, targets: Sequence[str]) -> dict[str, str]:
        """The table of each of these records: of tasks by their class, of others among the tables written here."""
        rows = await self._reader.rows("task", "sys_id", targets, ("sys_id", "sys_class_name"))
        found = {row["sys_id"]: row.get("sys_class_name") or "task" for row in rows}
        for table in sorted(self.tables):
            missing = [target for target in targets if target not in found]
            if missing:
                found |= {
                    row["sys_id"]: table for row in await self._reader.rows(table, "sys_id", missing, ("sys_id",))
                }
        return found

    # ------------------------------------------------------------ inside

    def _body(self, table: Table, xid: str, fields: Mapping[str, Any]) -> dict[str, str] | Rejected:
        body: dict[str, str] = {}
        for name, value in fields.items():
            # The instance would ignore it with status 201.
            if name not in table.columns:
                return Rejected(xid, "no such field", name)
            text = to_text(value)
            if text is None:
                return Rejected(xid, "value has a shape that the field cannot hold", name)
            body[name] = text
        return body

    async def _send(self, items: Sequence[Item], *, safe: bool) -> list[ItemReply | ConnectorError]:
        """One call by itself, several as batches: see `Instance.batch`."""
        if len(items) != 1:
            return await self._instance.batch(items, safe=safe)
        (item,) = items
        path, _, query = item.path.partition("?")
        params = dict(part.split("=", 1) for part in query.split("&")) if query else None
        reply = await self._instance.http.json(
            item.method, path, scope="write", params=params, json=item.body, safe=safe
        )
        return [ItemReply(reply.status, reply.body, reply.headers)]

    async def _already(
        self, table: Table, bodies: Mapping[str, dict[str, str]], refused: Mapping[str, ItemReply]
    ) -> dict[str, Outcome]:
        """A create was refused: because its record is there already (an answer got lost before), or for good."""
        if not bodies:
            return {}
        rows = await self._rows(table, list(bodies))
        outcomes: dict[str, Outcome] = {}
        for xid, body in bodies.items():
            row = rows.get(xid)
            if row is None:
                outcomes[xid] = Rejected(xid, cause(refused[xid].status, refused[xid].body, body))
            elif CORRELATION in table.columns and row.get(CORRELATION) != xid:
                outcomes[xid] = Rejected(xid, "duplicate key", "sys_id")
            else:
                outcomes[xid] = Written(xid, row["sys_id"], False)
        return outcomes

    async def _rows(self, table: Table, xids: Sequence[str], fields: Sequence[str] = ()) -> dict[str, Row]:
        ids = {chosen_id(table.name, xid): xid for xid in xids}
        wanted = ("sys_id", "sys_mod_count", *([CORRELATION] if CORRELATION in table.columns else []), *fields)
        rows = await self._reader.rows(table.name, "sys_id", list(ids), tuple(dict.fromkeys(wanted)))
        return {ids[row["sys_id"]]: row for row in rows}

    def _broken(self, entity: str, reply: ItemReply, *, safe: bool) -> ConnectorError:
        said = f"{self._instance.name}: {entity} answered {reply.status} ({error_text(reply.body) or 'no reason'})"
        if reply.status == 401:
            return Misconfigured(said, hint="Check `auth` of this system.")
        return Unavailable(said) if safe else InDoubt(said)


def _path(entity: str, target: str, body: Mapping[str, str]) -> str:
    """Asks for the fields sent, to compare them."""
    fields = ",".join(dict.fromkeys(("sys_id", *body)))
    where = f"/{quote(target)}" if target else ""
    return f"{TABLE}{entity}{where}?sysparm_exclude_reference_link=true&sysparm_fields={fields}"


def _row(reply: ItemReply) -> Row | None:
    row = reply.body.get("result") if isinstance(reply.body, dict) and "error" not in reply.body else None
    return row if isinstance(row, dict) and row.get("sys_id") else None


def _kept(xid: str, sent: Mapping[str, str], row: Row, table: Table, *, created: bool) -> Outcome:
    """Written, or Rejected when the instance silently dropped a field. A sys_id that it replaced is the true one."""
    dropped = lost({name: value for name, value in sent.items() if name != "sys_id"}, row, table.columns)
    return Rejected(xid, dropped[1], dropped[0]) if dropped else Written(xid, row["sys_id"], created)
