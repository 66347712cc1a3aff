"""A memory store as a subject."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from connectors import memory
from connectors.kit.conformance import Subject
from connectors.kit.contract import Connection, Connector, Fields, Record, Write
from tests.conformance.payload import SECRET, pieces, xid

_numbers = itertools.count()


class MemorySubject(Subject):
    entity = "incident"
    names = ("short_description", "priority")
    narrow = "priority = 1"
    nothing = 'short_description = "no such thing"'
    broken_filters = ("priority ==== 1", "prioritty = 1", "priority = 1 or 2 = 2", "priority", "(", "priority = 1,2")
    child = "comment"
    attachment = "attachment"
    people: Mapping[str, str] = {"u1": "ada@example.com", "u2": "bo@example.com"}
    accounts: Mapping[str, str] = {"ada@example.com": "u1"}
    target_entity = "issue"
    statuses = ("To Do", "Done", "To Do")
    no_status = "Nirvana"
    gone = "999999999999"
    secret = SECRET

    def __init__(self, options: Mapping[str, object]) -> None:
        super().__init__()
        self.options = {"statuses": ["To Do", "Done"], **options}
        generated = bool(self.options.pop("generated", False))
        self.store = memory.store(f"conformance-{next(_numbers)}")
        self.store.people.update({email: person for person, email in self.people.items()})
        self.accounts = {email: person for person, email in self.people.items()}
        if generated:
            self.store.generate(60)
        else:
            self.store.fill("incident", _incidents())
        self.keys = frozenset(record.key for record in self.store.records("incident"))
        self.narrowed = frozenset(r.key for r in self.store.records("incident") if r.fields["priority"] == "1")
        self.children = self._hang()
        self.contents = {
            "INC000000001": {"A1": b"", "A2": bytes(range(256)) * 700},
            "INC000000002": {"A3": b"one"},
        }
        for parent, held in self.contents.items():
            for key, data in held.items():
                self.store.put("attachment", key, {"file_name": f"{SECRET}.bin"}, parent=parent, content=data)

    def end(self) -> None:
        memory.forget(self.store.name)

    def _hang(self) -> Mapping[str, Sequence[str]]:
        hanging = {"INC000000001": ["C9", "C1", "C5"], "INC000000003": ["C2"], "INC000000004": []}
        for parent, keys in hanging.items():
            for key in keys:
                self.store.put("comment", key, {"value": SECRET}, parent=parent)
        self.store.put("comment", "C0", {"value": SECRET}, parent="INC000000005")
        return hanging

    async def connect(self) -> Connector:
        url = f"memory:{self.store.name}"
        return memory.connect(Connection("sut", "memory", url, options=self.options), self.ports)

    async def edit(self, key: str) -> None:
        self.store.edit("incident", key, {"short_description": f"edited {next(_numbers)}"})

    async def insert(self) -> str:
        key = f"INC00000003{next(_numbers):06d}"
        self.store.put("incident", key, {"short_description": SECRET, "priority": "2"})
        return key

    async def remove(self, key: str) -> None:
        self.store.remove("incident", key)

    async def fail_read(self) -> None:
        self.store.faults.add("unavailable", "read", times=1)

    async def cut_content(self) -> None:
        self.store.faults.add("unavailable", "content", times=1)

    def write(self, number: int) -> Write:
        return Write(xid(number), {"summary": f"{SECRET} {number}", "priority": "High", "count": number})

    def bad_write(self, number: int) -> Write:
        if not self.store.faults.rules:
            self.store.faults.add(
                "reject", "create", where="priority = Never", cause="no such choice", field="priority"
            )
        return self.write(number)._replace(fields={"summary": SECRET, "priority": "Never"})

    def change(self) -> Fields:
        return {"summary": f"{SECRET} changed"}

    def child_write(self, number: int, parent: str) -> tuple[str, Write]:
        return "comment", Write(xid(number), {"body": SECRET}, parent=parent)

    def attachment_write(self, number: int, parent: str, data: bytes) -> tuple[str, Write]:
        return "attachment", Write(xid(100 + number), {"name": SECRET}, parent=parent, content=pieces(data))

    def known_by(self, word: str) -> tuple[str, Fields]:
        return "number", {"summary": f"{SECRET} known", "number": word}

    async def seen(self, target: str) -> Fields | None:
        record = self.store.get("issue", target)
        return None if record is None else record.fields

    async def stored(self, entity: str, target: str) -> bytes:
        return self.store.contents[target]

    async def copies(self, entity: str, xid: str) -> int:
        return self.store.copies(entity).get(xid, 0)

    def kinds(self) -> list[Write]:
        fields = {
            "text": " e\u0301tude\r\nline ",
            "number": 1.50,
            "yes": True,
            "null": None,
            "empty": "",
            "many": ["b", "a", "b"],
            "document": {"type": "doc", "content": [{"text": "b"}, {"text": "a"}], "attrs": {}},
            "moment": datetime(2026, 1, 31, 10, tzinfo=UTC),
        }
        return [Write(xid(200), fields)]

    async def touch(self, target: str) -> str:
        self.store.edit("issue", target, {"summary": f"by hand {next(_numbers)}"}, by="ada")
        return "ada"

    async def touch_child(self, target: str) -> str:
        self.store.put("comment", f"H{next(_numbers)}", {"body": SECRET}, parent=target, by="bo")
        return "bo"

    async def lose_answer(self) -> None:
        self.store.faults.add("drop_after", "create", times=1)

    async def lose_request(self) -> None:
        self.store.faults.add("drop_before", "create", times=1)

    async def deny(self) -> None:
        self.store.denied.add("create issue")


def _incidents() -> Iterator[Record]:
    for number in range(60):
        fields = {"short_description": f"{SECRET} {number}", "priority": str(1 + number % 4)}
        yield Record(f"INC{number:09d}", "0", fields)
