"""What a folder of files gives as a source, beyond what the conformance suite asks."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from connectors import file
from connectors.file import Files
from connectors.kit.conformance import OpenPacer, WallClock
from connectors.kit.contract import Change, Connection, Ports, Record, Scope
from connectors.kit.errors import Misconfigured

Result = TypeVar("Result")


def using(url: Path | str, work: Callable[[Files], Awaitable[Result]], **options: object) -> Result:
    """Connect, do the work, close."""

    async def body() -> Result:
        connected = file.connect(Connection("sut", "file", str(url), options=options), Ports(WallClock(), OpenPacer()))
        try:
            return await work(connected)
        finally:
            await connected.close()

    return asyncio.run(body())


async def everything(files: Files, entity: str = "incident", *filters: str) -> list[Record]:
    scope = Scope(entity, filters)
    rest: str | None = (await files.spans(scope, 1))[0]
    found: list[Record] = []
    while rest is not None:
        page = await files.read(scope, rest, 3)
        found += page.records
        rest = page.rest
    return found


def jsonl(folder: Path, *rows: dict[str, object], entity: str = "incident") -> Path:
    path = folder / f"{entity}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def refusal(folder: Path, **options: object) -> str:
    with pytest.raises(Misconfigured) as caught:
        using(folder, everything, **options)
    return str(caught.value)


def test_a_line_that_is_no_record_is_told_by_its_number_and_not_by_its_value(tmp_path: Path) -> None:
    (tmp_path / "incident.jsonl").write_text(
        '{"id": "1"}\n\n{"id": "2", "secret-word\n[1]\n{"no": "key"}\n{"id": "3"}\n'
    )
    told = refusal(tmp_path)
    assert "line 3 (no JSON at column" in told
    assert "line 4 (no JSON object)" in told
    assert "line 5 (no key in id)" in told
    assert "secret-word" not in told


def test_a_file_that_cannot_be_read_can_be_read_once_it_is_corrected(tmp_path: Path) -> None:
    path = tmp_path / "incident.jsonl"
    path.write_text('{"id": "1"}\nnonsense\n')

    async def work(files: Files) -> list[str]:
        with pytest.raises(Misconfigured):
            await everything(files)
        path.write_text('{"id": "1"}\n')
        return [record.key for record in await everything(files)]

    assert using(tmp_path, work) == ["1"]


def test_a_torn_last_line_is_not_there_until_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "incident.jsonl"
    path.write_text('{"id": "1"}\n{"id": "2", "title": "hal')

    async def work(files: Files) -> list[list[str]]:
        before = [record.key for record in await everything(files)]
        with path.open("a") as out:
            out.write('f"}\n')
        return [before, [record.key for record in await everything(files)]]

    assert using(tmp_path, work) == [["1"], ["1", "2"]]


def test_a_last_line_without_a_line_end_is_a_record_when_it_is_whole(tmp_path: Path) -> None:
    (tmp_path / "incident.jsonl").write_text('{"id": "1"}\n{"id": "2"}')
    assert [record.key for record in using(tmp_path, everything)] == ["1", "2"]


def test_the_last_line_of_a_key_wins_and_a_tombstone_removes_it(tmp_path: Path) -> None:
    jsonl(tmp_path, {"id": "b", "n": 1}, {"id": "a", "n": 1}, {"id": "b", "n": 2}, {"id": "a", "_deleted": True})
    assert [(record.key, record.fields["n"]) for record in using(tmp_path, everything)] == [("b", 2)]


def test_numbers_are_keys_too(tmp_path: Path) -> None:
    jsonl(tmp_path, {"id": 7}, {"id": 12})
    assert [record.key for record in using(tmp_path, everything)] == ["12", "7"]


def test_rows_keep_line_breaks_quotes_and_delimiters(tmp_path: Path) -> None:
    text = 'number;title;note\r\n2;"a ""quoted""\nword";x\r\n1;5" disk;"semi;colon\r\n\r\nend"\r\n'
    (tmp_path / "incident.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    found = using(tmp_path, everything, key="number", delimiter=";")
    assert [record.fields for record in found] == [
        {"number": "1", "title": '5" disk', "note": "semi;colon\r\n\r\nend"},
        {"number": "2", "title": 'a "quoted"\nword', "note": "x"},
    ]


def test_rows_that_do_not_fit_the_header_are_told_by_their_line(tmp_path: Path) -> None:
    (tmp_path / "incident.csv").write_text('id,title\n1,"a\nb"\n2\n3,x,y\n1,again\n')
    told = refusal(tmp_path)
    assert "line 4 (1 cells where the header has 2)" in told
    assert "line 5 (3 cells" in told


def test_two_rows_with_one_key_are_an_error_never_a_silent_loss(tmp_path: Path) -> None:
    (tmp_path / "incident.csv").write_text('id,title\n1,"a\nb"\n2,x\n1,again\n')
    assert "line 5 (its key came before)" in refusal(tmp_path)


def test_a_quote_that_is_never_closed_is_told(tmp_path: Path) -> None:
    (tmp_path / "incident.csv").write_text('id,title\n1,"open\n2,x\n3,y\n')
    with pytest.raises(Misconfigured, match="line 2"):
        using(tmp_path, everything)


def test_a_header_without_the_key_is_told(tmp_path: Path) -> None:
    (tmp_path / "incident.csv").write_text("number,title\n1,x\n")
    assert "no key in id" in refusal(tmp_path)


def test_a_missing_file_is_told_with_what_is_there(tmp_path: Path) -> None:
    jsonl(tmp_path, {"id": "1"}, entity="problem")
    told = refusal(tmp_path)
    assert "no file for incident" in told
    assert "The folder has: problem" in told


def test_two_files_of_one_entity_are_told(tmp_path: Path) -> None:
    jsonl(tmp_path, {"id": "1"})
    (tmp_path / "incident.csv").write_text("id\n1\n")
    assert "several files" in refusal(tmp_path)


@pytest.mark.parametrize("entity", ["../incident", "a/b", ".hidden", ""])
def test_an_entity_never_leads_out_of_the_folder(tmp_path: Path, entity: str) -> None:
    with pytest.raises(Misconfigured, match="cannot be a file name"):
        using(tmp_path, lambda files: everything(files, entity))


def test_an_attachment_never_leads_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    folder = tmp_path / "in"
    folder.mkdir()
    jsonl(folder, {"id": "1", "content": "../secret"}, entity="attachment")

    async def work(files: Files) -> None:
        record = (await everything(files, "attachment"))[0]
        with pytest.raises(Misconfigured, match="outside"):
            [piece async for piece in files.content("attachment", record)()]

    using(folder, work)


def test_a_gzip_file_cut_short_is_told(tmp_path: Path) -> None:
    (tmp_path / "incident.jsonl.gz").write_bytes(gzip.compress(b'{"id": "1"}\n' * 500)[:-20])
    assert "no whole gzip file" in refusal(tmp_path)


def test_versions_that_are_numbers_compare_as_numbers(tmp_path: Path) -> None:
    path = jsonl(tmp_path, {"id": "1", "rev": 9})

    async def work(files: Files) -> list[str]:
        before = (await everything(files))[0].version
        path.write_text('{"id": "1", "rev": 10}\n')
        return [before, (await everything(files))[0].version]

    before, after = using(tmp_path, work, version="rev")
    assert after > before


def test_the_feed_gives_appended_lines_and_removals_after_a_restart(tmp_path: Path) -> None:
    path = jsonl(tmp_path, {"id": "1"}, {"id": "2"})
    position = using(tmp_path, lambda files: files.position(Scope("incident")))
    with path.open("a") as out:
        out.write('{"id": "3"}\n{"id": "1", "_deleted": true}\n{"id": "4", "torn')
    changes = using(tmp_path, lambda files: files.changes(Scope("incident"), position))
    assert [(change.key, change.deleted) for change in changes.changes] == [("3", False), ("1", True)]
    assert changes.caught_up


def test_the_feed_starts_over_when_the_file_was_replaced(tmp_path: Path) -> None:
    jsonl(tmp_path, {"id": "1"}, {"id": "2"})
    position = using(tmp_path, lambda files: files.position(Scope("incident")))
    jsonl(tmp_path, {"id": "8"}, {"id": "9"})
    changes: list[Change] = using(tmp_path, lambda files: files.changes(Scope("incident"), position)).changes
    assert [change.key for change in changes] == ["8", "9"]


def test_a_comment_that_was_edited_keeps_its_place(tmp_path: Path) -> None:
    jsonl(
        tmp_path,
        {"id": "c1", "incident": "1", "n": 1},
        {"id": "c2", "incident": "1", "n": 1},
        {"id": "c1", "incident": "1", "n": 2},
        entity="comment",
    )
    options = {"entities": {"comment": {"parent": "incident"}}}
    found = using(tmp_path, lambda files: files.children(Scope("comment"), ["1"]), **options)
    assert [(record.key, record.fields["n"]) for record in found] == [("c1", 2), ("c2", 1)]


def test_many_unsorted_records_come_in_key_order(tmp_path: Path) -> None:
    rows = [{"id": f"K{(n * 7919) % 5000:05d}", "n": n} for n in range(5000)]
    jsonl(tmp_path, *rows)

    async def work(files: Files) -> list[str]:
        scope, keys = Scope("incident"), []
        for span in await files.spans(scope, 7):
            rest: str | None = span
            while rest is not None:
                page = await files.read(scope, rest, 500)
                keys += [record.key for record in page.records]
                rest = page.rest
        return keys

    assert using(tmp_path, work) == sorted(str(row["id"]) for row in rows)


def test_an_unknown_option_is_told_with_the_nearest_one(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="did you mean delimiter"):
        using(tmp_path, everything, delimeter=";")


@pytest.mark.parametrize("url", ["", "https://example.com/x"])
def test_a_url_that_is_no_folder_is_told(url: str) -> None:
    with pytest.raises(Misconfigured, match="names no folder"):
        using(url, everything)
