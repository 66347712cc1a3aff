"""A folder of files, read back."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from connectors import file
from connectors.file.connector import Files
from connectors.kit.contract import Connection, Write
from tests.kit.ports import plain_ports


def files(folder: Path) -> Files:
    return file.connect(Connection("out", "file", folder.as_uri()), plain_ports())


def write(number: int) -> Write:
    return Write(f"X{number}", {"summary": f"number {number}", "count": number})


def test_what_we_alone_wrote_nobody_else_touched(tmp_path: Path) -> None:
    async def run() -> None:
        ours = files(tmp_path)
        await ours.create("issue", [write(1), write(2)])
        await ours.update("issue", [Write("X1", {"summary": "again"}, "X1")])
        assert await ours.others("issue", ["X1", "X2", "X3"]) == {}
        await ours.close()

    asyncio.run(run())


def test_a_file_that_somebody_wrote_to_may_be_theirs_as_a_whole(tmp_path: Path) -> None:
    async def run() -> None:
        ours = files(tmp_path)
        await ours.create("issue", [write(1), write(2)])
        with (tmp_path / "issue.jsonl").open("a") as out:
            out.write(json.dumps({"id": "X1", "summary": "theirs"}) + "\n")
        told = await ours.others("issue", ["X1", "X2", "X3"])
        assert {target: touch.by for target, touch in told.items()} == {"X1": "somebody", "X2": "somebody"}
        await ours.create("issue", [write(3)])
        assert await ours.others("issue", ["X3"])
        await ours.close()
        again = files(tmp_path)  # another process cannot know who wrote it
        assert await again.others("issue", ["X2"])
        await again.close()

    asyncio.run(run())


def test_a_line_left_alone_keeps_its_version_while_others_are_written(tmp_path: Path) -> None:
    async def run() -> None:
        ours = files(tmp_path)
        await ours.create("issue", [write(1), write(2)])
        before = await ours.stand("issue", ["X1", "X2"], ["summary"])
        await ours.update("issue", [Write("X2", {"summary": "again"}, "X2")])
        after = await ours.stand("issue", ["X1", "X2"], ["summary"])
        assert after["X1"] == before["X1"]
        assert after["X2"].version > before["X2"].version
        await ours.close()

    asyncio.run(run())
