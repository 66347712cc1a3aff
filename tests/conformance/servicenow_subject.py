"""ServiceNow's rehearsal system as a subject."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Mapping

from connectors import servicenow
from connectors.kit.contract import Connection, Connector, Fields, Write
from connectors.rehearsal.seed import Dataset
from connectors.rehearsal.servicenow import ServiceNowDouble
from tests.conformance.payload import SECRET, pieces, xid
from tests.conformance.rehearsed import Ahead, Rehearsed

_numbers = itertools.count()
_RECORDS = 40


class ServiceNowSubject(Rehearsed):
    entity = "incident"
    names = ("short_description", "priority")
    narrow = "priority=1^ORpriority=2"
    nothing = "number=INC9999999"
    broken_filters = ("prioritty=1", "priority ~~ 1", "priority=1^ORDERBYnumber", "^ORpriority=1", "caller_id.emale=a")
    child = "sys_journal_field"
    attachment = "attachment"
    target_entity = "incident"
    statuses = ("In Progress", "On Hold", "In Progress")
    no_status = "Nirvana"
    gone = "f" * 32
    hidden = frozenset({"sys_updated_on", "sys_updated_by", "sys_mod_count"})
    secret = SECRET

    def __init__(self, clock: Ahead) -> None:
        super().__init__(clock)
        self.double = ServiceNowDouble(dataset=Dataset(3, _RECORDS), time=clock)
        rows = self.double.rows("incident")
        self.keys = frozenset(row["sys_id"] for row in rows)
        self.narrowed = frozenset(row["sys_id"] for row in rows if row["priority"] in ("1", "2"))
        self.children = self._journal()
        self.contents = self._files()
        people = self.double.dataset.people[:3]
        self.people: Mapping[str, str] = {person.sys_id: person.email for person in people}
        self.accounts: Mapping[str, str] = {person.email.lower(): person.sys_id for person in people}
        self.uploads: dict[str, str] = {}  # xid -> name of the file

    def _journal(self) -> Mapping[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        rows = [row for row in self.double.rows("sys_journal_field") if row["element"] in ("comments", "work_notes")]
        for row in sorted(rows, key=lambda row: (row["sys_created_on"], row["sys_id"])):
            found[row["element_id"]].append(row["sys_id"])
        return dict(list(found.items())[:8])

    def _files(self) -> Mapping[str, Mapping[str, bytes]]:
        found: dict[str, dict[str, bytes]] = defaultdict(dict)
        for row in self.double.rows("sys_attachment"):
            found[row["table_sys_id"]][row["sys_id"]] = self.double.content(row["sys_id"])
        return found

    async def connect(self) -> Connector:
        auth = {"kind": "basic", "user": "cutover", "password": "rehearsal"}
        options = {"settle": 1.0, "late_commit": 0.1}
        return servicenow.connect(Connection("sut", "servicenow", self.url, auth, options), self.ports)

    async def edit(self, key: str) -> None:
        await self.script({"sys_id": key, "fields": {"short_description": f"edited {next(_numbers)}"}})

    async def insert(self) -> str:
        row = await self.script({"action": "insert", "fields": {"short_description": SECRET}})
        return str(row["sys_id"])

    async def remove(self, key: str) -> None:
        await self.script({"action": "delete", "sys_id": key})

    async def fail_read(self) -> None:
        self.fault("GET /api/now/.*table/incident", "drop_before")

    async def cut_content(self) -> None:
        self.fault("GET /api/now/.*attachment/.*/file", "truncated", early_close=True)

    def write(self, number: int) -> Write:
        fields = {
            "short_description": f"{SECRET} {number}",
            "description": f"line\n{SECRET} ünïcødé <b>",
            "urgency": "2",
        }
        return Write(xid(number), fields)

    def bad_write(self, number: int) -> Write:
        fields = {"short_description": f"{SECRET} {number}", "state": "7"}  # closing wants a code and notes
        return Write(xid(number), fields)

    def change(self) -> Fields:
        return {"short_description": f"{SECRET} changed"}

    def child_write(self, number: int, parent: str) -> tuple[str, Write]:
        return "sys_journal_field", Write(xid(number), {"element": "comments", "value": SECRET}, parent=parent)

    def attachment_write(self, number: int, parent: str, data: bytes) -> tuple[str, Write]:
        self.uploads[xid(100 + number)] = name = f"{SECRET}-{number}.bin"
        return "attachment", Write(xid(100 + number), {"file_name": name}, parent=parent, content=pieces(data))

    async def seen(self, target: str) -> Fields | None:
        return next((dict(row) for row in self.double.rows("incident") if row["sys_id"] == target), None)

    async def stored(self, entity: str, target: str) -> bytes:
        data: bytes = self.double.content(target)
        return data

    async def copies(self, entity: str, xid: str) -> int:
        if entity == "attachment":
            return sum(row["file_name"] == self.uploads[xid] for row in self.double.rows("sys_attachment"))
        if entity == "sys_journal_field":
            return sum(xid in row["value"] for row in self.double.rows(entity))
        return sum(row["correlation_id"] == xid for row in self.double.rows(entity))

    def kinds(self) -> list[Write]:
        person = next(iter(self.people))
        fields = {
            "short_description": f"  {SECRET} e\u0301tude ",
            "description": f"line one\r\nline two {SECRET}",
            "urgency": 1,
            "impact": "2",
            "severity": 3.0,
            "knowledge": True,
            "caller_id": person,
            "assigned_to": "",
            "due_date": "2026-01-31 10:00:00",
            "watch_list": sorted(self.people, reverse=True),
            "category": "network",
            "close_notes": None,
            "escalation": "0",
        }
        return [Write(xid(200), fields)]

    def emptied(self, write: Write) -> Fields:
        return {name: None for name in write.fields if name not in ("urgency", "impact", "severity")}

    async def touch(self, target: str) -> str:
        await self.script({"sys_id": target, "fields": {"short_description": f"by hand {next(_numbers)}"}})
        return "admin"

    async def touch_child(self, target: str) -> str:
        await self.script({"sys_id": target, "fields": {"comments": SECRET}})
        return "admin"

    async def lose_answer(self) -> None:
        self.fault("POST /api/now/", "drop_after")

    async def lose_request(self) -> None:
        self.fault("POST /api/now/", "drop_before")
