"""What a folder of files takes as a target, beyond what the conformance suite asks."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from connectors.file import Files
from connectors.kit.contract import Doubt, Outcome, Rejected, Scope, Write, Written
from connectors.kit.errors import Misconfigured, Unavailable
from tests.file.test_reading import everything, using


def lines(folder: Path, entity: str = "issue") -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / f"{entity}.jsonl").read_text().splitlines()]


def test_each_create_and_update_is_one_line_and_sending_again_is_none(tmp_path: Path) -> None:
    async def work(files: Files) -> None:
        await files.create("issue", [Write("X1", {"a": "1", "b": "2"}), Write("X2", {"a": "3"})])
        await files.create("issue", [Write("X1", {"a": "1", "b": "2"})])
        await files.update("issue", [Write("X1", {"b": "9"}, target="X1")])
        await files.delete("issue", ["X2", "X2", "nobody"])

    using(tmp_path, work)
    assert lines(tmp_path) == [
        {"id": "X1", "a": "1", "b": "2"},
        {"id": "X2", "a": "3"},
        {"id": "X1", "a": "1", "b": "9"},
        {"id": "X2", "_deleted": True},
    ]


def test_a_torn_end_is_cut_off_and_kept_beside(tmp_path: Path) -> None:
    (tmp_path / "issue.jsonl").write_text('{"id": "X1"}\n{"id": "X2", "a": "to')

    async def work(files: Files) -> list[str]:
        assert await files.find("issue", [Doubt("X2", "", await files.now())]) == {}
        await files.create("issue", [Write("X2", {"a": "torn"})])
        return [record.key for record in await everything(files, "issue")]

    assert using(tmp_path, work) == ["X1", "X2"]
    assert lines(tmp_path) == [{"id": "X1"}, {"id": "X2", "a": "torn"}]
    assert (tmp_path / "issue.jsonl.torn").read_text() == '{"id": "X2", "a": "to\n'


def test_a_whole_record_without_a_line_end_is_kept(tmp_path: Path) -> None:
    (tmp_path / "issue.jsonl").write_text('{"id": "X1"}\n{"id": "X2"}')
    using(tmp_path, lambda files: files.create("issue", [Write("X3", {})]))
    assert lines(tmp_path) == [{"id": "X1"}, {"id": "X2"}, {"id": "X3"}]


def test_a_row_without_a_line_end_is_taken_for_torn(tmp_path: Path) -> None:
    (tmp_path / "issue.csv").write_text('id,a\nX1,"one\ntwo"\nX2,"thr\nee"')
    using(tmp_path, lambda files: files.create("issue", [Write("X2", {"a": "three"})]))
    assert (tmp_path / "issue.csv").read_text() == 'id,a\nX1,"one\ntwo"\nX2,three\n'


def test_a_row_torn_inside_its_quotes_is_repaired_too(tmp_path: Path) -> None:
    (tmp_path / "issue.csv").write_text('id,a\nX1,"one\ntwo"\nX2,"three\nfo')

    async def work(files: Files) -> None:
        assert await files.find("issue", [Doubt("X2", "", await files.now())]) == {}
        await files.create("issue", [Write("X2", {"a": "three\nfour"})])

    using(tmp_path, work)
    assert (tmp_path / "issue.csv").read_text() == 'id,a\nX1,"one\ntwo"\nX2,"three\nfour"\n'
    assert (tmp_path / "issue.csv.torn").read_text() == 'X2,"three\nfo\n'


def test_the_first_write_fixes_the_columns(tmp_path: Path) -> None:
    async def work(files: Files) -> list[Outcome]:
        await files.create("issue", [Write("X1", {"a": "1"}), Write("X2", {"b": ["x", 2]})])
        return await files.create("issue", [Write("X3", {"c": "1"}), Write("X4", {"b": None, "a": True})])

    outcomes = using(tmp_path, work, format="csv")
    assert isinstance(outcomes[0], Rejected) and outcomes[0].field == "c"
    assert isinstance(outcomes[1], Written)
    assert (tmp_path / "issue.csv").read_text() == 'id,a,b\nX1,1,\nX2,,"[""x"",2]"\nX4,true,\n'


def test_a_header_that_is_there_is_kept(tmp_path: Path) -> None:
    (tmp_path / "issue.csv").write_text("a,id\n")
    using(tmp_path, lambda files: files.create("issue", [Write("X1", {"a": "1"})]))
    using(tmp_path, lambda files: files.create("issue", [Write("X1", {"a": "1"}), Write("X2", {"a": "2"})]))
    assert (tmp_path / "issue.csv").read_text() == "a,id\n1,X1\n2,X2\n"


def test_a_csv_target_takes_no_updates_and_says_so(tmp_path: Path) -> None:
    async def work(files: Files) -> None:
        await files.create("issue", [Write("X1", {"a": "1"})])
        assert not files.traits("issue").updates
        with pytest.raises(Misconfigured, match="takes no updates"):
            await files.update("issue", [Write("X1", {"a": "2"}, target="X1")])

    using(tmp_path, work, format="csv")


def test_the_key_is_never_taken_from_the_fields(tmp_path: Path) -> None:
    outcomes = using(tmp_path, lambda files: files.create("issue", [Write("X1", {"id": "mine"})]))
    assert isinstance(outcomes[0], Rejected) and outcomes[0].field == "id"


def test_two_writers_of_one_file_are_refused(tmp_path: Path) -> None:
    async def first(files: Files) -> None:
        await files.create("issue", [Write("X1", {})])
        with pytest.raises(Misconfigured, match="is being written by another"):
            await asyncio.to_thread(using, tmp_path, lambda other: other.create("issue", [Write("X2", {})]))

    using(tmp_path, first)
    using(tmp_path, lambda files: files.create("issue", [Write("X2", {})]))
    assert len(lines(tmp_path)) == 2


def test_a_full_disk_adds_nothing(tmp_path: Path) -> None:
    """A limit on the file size stands for the full disk."""
    script = """
import asyncio, resource, signal, sys
from connectors.kit.contract import Write
from connectors.kit.errors import Unavailable
from tests.file.test_reading import using
async def work(files):
    await files.create("issue", [Write("X1", {"a": "x" * 500})])
    try:
        await files.create("issue", [Write("X2", {"a": "x"}), Write("X3", {"a": "x" * 2000})])
    except Unavailable:
        print("told")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
using(sys.argv[1], work)
"""
    root = Path(__file__).parents[2]
    ran = subprocess.run(
        [sys.executable, "-c", script, tmp_path], cwd=root, capture_output=True, text=True, timeout=30, check=True
    )
    assert ran.stdout == "told\n"
    assert [line["id"] for line in lines(tmp_path)] == ["X1"]


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    script = """
import sys
from connectors.kit.contract import Write
from tests.file.test_reading import using
async def work(files):
    for number in range(100_000):
        await files.create("issue", [Write(f"X{number}-{part}", {"a": "b" * 50}) for part in range(20)])
        print(number, flush=True)
using(sys.argv[1], work)
"""
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", script, tmp_path], cwd=root, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        told = [int(child.stdout.readline()) for _ in range(20)]
        child.send_signal(signal.SIGKILL)
        told += [int(line) for line in child.stdout if line.endswith("\n")]
    expected = {f"X{number}-{part}" for number in told for part in range(20)}
    found = {record.key for record in using(tmp_path, lambda files: everything(files, "issue"))}
    assert expected <= found
    using(tmp_path, lambda files: files.create("issue", [Write("after", {})]))
    assert lines(tmp_path)[-1] == {"id": "after"}


def test_an_attachment_is_a_file_named_by_its_hash(tmp_path: Path) -> None:
    async def content():  # type: ignore[no-untyped-def]
        yield b"hello "
        yield b"world"

    write = Write("X1", {"name": "greeting"}, parent="P1", content=content)
    using(tmp_path, lambda files: files.create("upload", [write]))
    sha = "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9"
    assert (tmp_path / "upload.files" / sha).read_bytes() == b"hello world"
    assert [path.name for path in (tmp_path / "upload.files").iterdir()] == [sha]

    async def back(files: Files) -> bytes:
        record = (await files.children(Scope("upload"), ["P1"]))[0]
        return b"".join([piece async for piece in files.content("upload", record)()])

    assert using(tmp_path, back) == b"hello world"
    (tmp_path / "upload.files" / sha).write_bytes(b"hello World")
    with pytest.raises(Unavailable):
        using(tmp_path, back)


def test_a_folder_that_may_not_be_written_is_a_finding(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    tmp_path.chmod(0o500)
    findings = using(tmp_path, lambda files: files.check([], ["issue"]))
    assert any(not finding.ok and "chmod" in finding.hint for finding in findings)


def test_a_cancelled_create_is_whole_or_not_there(tmp_path: Path) -> None:
    async def work(files: Files) -> None:
        task = asyncio.ensure_future(files.create("issue", [Write(f"X{n}", {"a": "b" * 1000}) for n in range(500)]))
        for _ in range(20):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await files.create("issue", [Write("last", {})])

    using(tmp_path, work)
    assert len(lines(tmp_path)) in (1, 501)
