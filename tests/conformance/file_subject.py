"""A folder of files as a subject: JSONL, CSV, or packed."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from connectors import file
from connectors.kit.conformance import Subject
from connectors.kit.contract import Connection, Connector, Fields, Write
from tests.conformance.payload import SECRET, pieces, xid

_numbers = itertools.count()


class FileSubject(Subject):
    entity = "incident"
    names = ("short_description", "priority")
    narrow = "priority in 1,3"
    nothing = 'short_description ~ "no such thing"'
    broken_filters = ("priority ==== 1", "prioritty = 1", "priority = 1 or 2 = 2", "priority", "(")
    child = "comment"
    attachment = "attachment"
    people: Mapping[str, str] = {"u1": "ada@example.com", "u2": "bo@example.com"}
    accounts: Mapping[str, str] = {"ada@example.com": "u1", "bo@example.com": "u2"}
    target_entity = "issue"
    statuses = ("To Do", "Done", "To Do")
    gone = "NOSUCHKEY"
    secret = SECRET

    def __init__(self, folder: Path, form: str, options: Mapping[str, object]) -> None:
        super().__init__()
        self.folder = folder
        self.form = form
        if form.endswith("gz"):
            self.target_entity = ""  # packed files are not written
        self.options = {"format": form.split(".")[0], **options}
        rows = [
            {"id": f"INC{n:04d}", "short_description": f'{SECRET} "{n}",\n2nd line, {n}', "priority": str(1 + n % 4)}
            for n in range(60)
        ]
        self.keys = frozenset(row["id"] for row in rows)
        self.narrowed = frozenset(row["id"] for row in rows if row["priority"] in "13")
        self._save("incident", rows[::2] + rows[1::2])  # a file need not be sorted
        self.children = {"INC0001": ["C9", "C1", "C5"], "INC0003": ["C2"], "INC0004": []}
        hanging = [(parent, key) for parent, keys in self.children.items() for key in keys]
        self._save("comment", [{"id": key, "parent": parent, "value": SECRET} for parent, key in hanging])
        self.contents = {"INC0001": {"A1": b"", "A2": bytes(range(256)) * 1200}, "INC0002": {"A3": b"one"}}
        self._attach()
        self._save("people", [{"id": person, "email": email} for person, email in self.people.items()])

    def _attach(self) -> None:
        (self.folder / "files").mkdir()
        rows = []
        for parent, held in self.contents.items():
            for key, data in held.items():
                (self.folder / "files" / key).write_bytes(data)
                rows.append({"id": key, "parent": parent, "content": f"files/{key}", "size": len(data)})
        self._save("attachment", rows)

    def _save(self, entity: str, rows: Sequence[Mapping[str, Any]]) -> None:
        text = io.StringIO(newline="")
        if self.form.startswith("csv"):
            writer = csv.DictWriter(text, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        else:
            text.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        data = b"\xef\xbb\xbf" + text.getvalue().encode()
        fresh = self.folder / "fresh"
        fresh.write_bytes(gzip.compress(data) if self.form.endswith("gz") else data)
        fresh.rename(self.folder / f"{entity}.{self.form}")

    def _load(self, entity: str) -> dict[str, dict[str, Any]]:
        path = self.folder / f"{entity}.{self.form}"
        if not path.exists():
            return {}
        data = path.read_bytes()
        text = (gzip.decompress(data) if self.form.endswith("gz") else data).decode("utf-8-sig")
        if self.form.startswith("csv"):
            return {row["id"]: row for row in csv.DictReader(io.StringIO(text, newline=""))}
        rows: dict[str, dict[str, Any]] = {}
        for line in text.splitlines():
            row = json.loads(line)
            rows[row["id"]] = row
        return {key: row for key, row in rows.items() if "_deleted" not in row}

    async def connect(self) -> Connector:
        return file.connect(Connection("sut", "file", self.folder.as_uri(), options=self.options), self.ports)

    async def edit(self, key: str) -> None:
        await self._put({**self._load("incident")[key], "short_description": f"edited {next(_numbers)}"})

    async def insert(self) -> str:
        key = f"INC0003-{next(_numbers)}"
        await self._put({"id": key, "short_description": SECRET, "priority": "2"})
        return key

    async def _put(self, row: dict[str, Any]) -> None:
        """A JSONL file grows; others are exported anew."""
        if self.form == "jsonl":
            with (self.folder / "incident.jsonl").open("a") as out:
                out.write(json.dumps(row) + "\n")
        else:
            self._save("incident", list({**self._load("incident"), row["id"]: row}.values()))

    async def remove(self, key: str) -> None:
        rows = self._load("incident")
        del rows[key]
        self._save("incident", list(rows.values()))

    async def cut_content(self) -> None:
        path = self.folder / "files" / "A2"
        path.write_bytes(path.read_bytes()[:1000])

    def write(self, number: int) -> Write:
        return Write(xid(number), {"summary": f'{SECRET} {number},\n"quoted" ünïcødé', "priority": "High"})

    def bad_write(self, number: int) -> Write:
        return Write(xid(number), {"summary": f"{SECRET} \ud800", "priority": "High"})

    def change(self) -> Fields:
        return {"summary": f"{SECRET} changed"}

    def child_write(self, number: int, parent: str) -> tuple[str, Write]:
        return "remark", Write(xid(number), {"body": SECRET}, parent=parent)

    def attachment_write(self, number: int, parent: str, data: bytes) -> tuple[str, Write]:
        return "upload", Write(xid(100 + number), {"name": SECRET}, parent=parent, content=pieces(data))

    def kinds(self) -> list[Write]:
        fields = {"text": " e\u0301tude\r\nline ", "number": 1.50, "yes": True, "null": None, "empty": ""}
        return [Write(xid(200), {**fields, "many": ["b", "a"], "nested": {"a": [2, 1]}})]

    async def seen(self, target: str) -> Fields | None:
        return self._load("issue").get(target)

    async def stored(self, entity: str, target: str) -> bytes:
        return (self.folder / self._load(entity)[target]["content"]).read_bytes()

    async def copies(self, entity: str, xid: str) -> int:
        return int(xid in self._load(entity))

    async def deny(self) -> None:
        (self.folder / "issue.csv.gz").write_bytes(gzip.compress(b"id\n"))
