"""A wave is signed off by a person, and what was signed can be re-checked: by anybody, offline, to the last byte."""

from __future__ import annotations

import asyncio
import random
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest

from cockpit.recheck import recheck
from engine.clock import Clock
from engine.errors import Refused
from engine.ledger import Ledger
from engine.manifest import Seal, write_manifest, write_records
from engine.model import Bucket, Entry, SetAside, WaveState
from engine.rulings import DRIFT
from engine.signoff import SignOffs, void
from engine.wire import CheckReport, Drift, Sign, SignedEntity
from engine.wire.manifest import Manifest, SignedFile
from tests.engine.memory_migration import Night, fill, go, night, write

SEAL = Seal(b"k" * 32)
DRIFTED = Drift(confirmed=3, sampled=0, estimate=None, upper=None, at="2026-01-01T00:00:00+00:00")


def signoffs(it: Night) -> SignOffs:
    return SignOffs(it.conductor, it.ledger, lambda: SEAL, Clock())


async def signed(it: Night, wave: str, *, note: str = "", despite: str = "") -> Path:
    """Run the wave if need be, sign it, and give the manifest."""
    message = (await signoffs(it).sign(Sign(wave=wave, note=note, despite=despite, by="ana"))).message
    return it.folder / message.rpartition(" ")[2]


def failing(report: CheckReport) -> list[str]:
    return [line.subject for line in report.lines if not line.ok]


def beside(manifest: Path) -> list[Path]:
    return [manifest, manifest.with_suffix(".records"), manifest.with_suffix(".md")]


@contextmanager
def flipped(path: Path, at: int, bit: int) -> Iterator[None]:
    with path.open("r+b", buffering=0) as file:
        file.seek(at)
        before = file.read(1)
        file.seek(at)
        file.write(bytes([before[0] ^ (1 << bit)]))
        yield
        file.seek(at)
        file.write(before)


# ---------------------------------------------------------------- signing


def test_a_signed_wave_has_a_manifest_that_holds_and_the_audit_trail_knows_who_signed(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path)
        async with night(tmp_path) as it:
            fill(it.left)
            await it.run("pilot")
            manifest = await signed(it, "pilot", note="seen")
            report = recheck(manifest, SEAL.fingerprint)
            assert report.ok, report
            said = orjson.loads(manifest.read_bytes())
            assert (said["wave"], said["number"], said["signed_by"], said["note"]) == ("pilot", 1, "ana", "seen")
            buckets = {entity["entity"]: entity["buckets"] for entity in said["entities"]}
            assert buckets["incident"] == {"synced": 14, "quarantined": 1}
            assert said["entities"][0]["planned"] == 15
            assert [(each["bucket"], each["records"]) for each in said["aside"]] == [("quarantined", 1)]
            assert (await it.ledger.waves())["pilot"].state == "signed_off"
            assert ("ana", "wave signed_off", "pilot") in {event[2:5] for event in await it.ledger.events(limit=1000)}

    go(work)


def test_the_files_hold_keys_and_hashes_and_are_for_their_owner_alone(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path)
        async with night(tmp_path) as it:
            fill(it.left)
            await it.run("pilot")
            for path in beside(await signed(it, "pilot")):
                assert stat.S_IMODE(path.stat().st_mode) == 0o600
                assert b"printer" not in path.read_bytes()
                assert b"called" not in path.read_bytes()

    go(work)


def test_the_records_are_one_line_each_in_the_order_of_their_external_ids(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path)
        async with night(tmp_path) as it:
            fill(it.left)
            await it.run("pilot")
            lines = (await signed(it, "pilot")).with_suffix(".records").read_bytes().splitlines()
            rows = [orjson.loads(line) for line in lines]
            assert rows == sorted(rows)
            there = {row[0]: row for row in rows}
            assert len(there) == len(rows)
            mine = it.conductor.assembly.flows["incident"].xid("I0004")
            assert there[mine][1:3] == ["incident", "synced"]
            assert it.right.get("issue", there[mine][3]) is not None

    go(work)


def test_what_another_wave_moved_is_in_the_records_too_so_that_the_sum_can_be_re_checked(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path)
        async with night(tmp_path) as it:
            fill(it.left)
            await it.run()
            manifest = await signed(it, "rest")
            assert recheck(manifest).ok
            said = orjson.loads(manifest.read_bytes())["entities"][0]
            assert said["buckets"]["overlap"] == 15
            assert said["planned"] == sum(said["buckets"].values()) == 57

    go(work)


def test_a_wave_that_is_not_loaded_cannot_be_signed_whatever_the_reason(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path)
        async with night(tmp_path) as it:
            fill(it.left)
            with pytest.raises(Refused, match="its state is draft; first: cutover run --wave pilot"):
                await signed(it, "pilot", despite="we are late")
            with pytest.raises(Refused, match="Did you mean pilot"):
                await signed(it, "pilto")
            assert not (tmp_path / "manifests").exists()

    go(work)


def test_a_record_in_doubt_cannot_be_signed_away(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path)
        async with night(tmp_path) as it:
            fill(it.left)
            await it.run("pilot")
            wave, entity = (await it.ledger.waves())["pilot"].id, await it.ledger.entity("incident")
            await it.ledger.settle(wave, entity, (), [SetAside("I0004", "no answer")], bucket=Bucket.IN_DOUBT)
            with pytest.raises(Refused, match="1 record is in doubt; see: cutover quarantine list"):
                await signed(it, "pilot", despite="we are late")

    go(work)


def test_while_its_run_goes_on_a_wave_cannot_be_signed(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path, target="{ latency: 0.2 }")
        async with night(tmp_path) as it:
            fill(it.left)
            running = asyncio.create_task(it.run("pilot"))
            while not it.conductor.busy:
                await asyncio.sleep(0.01)
            assert "part of the run" in " ".join((await signoffs(it).preview("pilot")).refusals)
            with pytest.raises(Refused, match="is running"):
                await signed(it, "pilot")
            await running

    go(work)


def test_drift_needs_a_reason_which_the_manifest_keeps(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path)
        async with night(tmp_path) as it:
            fill(it.left)
            await it.run("pilot")
            await it.ledger.set_meta(DRIFT + "pilot", DRIFTED.model_dump_json())
            with pytest.raises(Refused, match=r"3 confirmed differences.*--despite"):
                await signed(it, "pilot")
            assert (await it.ledger.waves())["pilot"].state == "awaiting_sign_off"
            manifest = await signed(it, "pilot", despite="the desk knows | *and* agrees")
            said = orjson.loads(manifest.read_bytes())
            assert said["despite"] == "the desk knows | *and* agrees"
            assert said["stood"] == ["3 confirmed differences between the sides"]
            assert r"the desk knows \| \*and\* agrees" in manifest.with_suffix(".md").read_text()

    go(work)


def test_a_wave_that_drift_alone_keeps_is_signed_with_a_reason(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path)
        async with night(tmp_path) as it:
            fill(it.left)
            await it.run("pilot")
            await it.ledger.set_meta(DRIFT + "pilot", DRIFTED.model_dump_json())
            await it.ledger.wave_state("pilot", WaveState.NEEDS_HUMAN, "drift: 3 changed; type: cutover drift list")
            with pytest.raises(Refused, match="3 confirmed differences"):
                await signed(it, "pilot")
            assert recheck(await signed(it, "pilot", despite="the desk agrees")).ok

    go(work)


def test_looking_at_what_would_be_signed_makes_no_key_and_no_file(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path)
        async with night(tmp_path) as it:
            fill(it.left)
            await it.run("pilot")

            def no_key() -> Seal:
                raise AssertionError("a key was made")

            seen = await SignOffs(it.conductor, it.ledger, no_key, Clock()).preview("pilot")
            assert (seen.file, seen.refusals, seen.despite) == ("manifests/pilot-1.json", [], [])
            assert not (tmp_path / "manifests").exists()

    go(work)


def test_after_a_run_anew_the_next_manifest_has_the_next_number_and_the_first_one_stays(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path)
        async with night(tmp_path) as it:
            fill(it.left)
            await it.run("pilot")
            first = await signed(it, "pilot")
            with pytest.raises(Refused, match="signed off already"):
                await signed(it, "pilot")
            await it.run("pilot")
            second = await signed(it, "pilot")
            assert (first.name, second.name) == ("pilot-1.json", "pilot-2.json")
            assert recheck(first).ok
            assert recheck(second).ok

    go(work)


def test_files_of_a_signing_that_was_cut_off_are_written_anew(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path)
        (tmp_path / "manifests").mkdir()
        for name in ("pilot-1.json", "pilot-1.records", ".pilot-1.md.part"):
            (tmp_path / "manifests" / name).write_text("half")
        async with night(tmp_path) as it:
            fill(it.left)
            await it.run("pilot")
            assert recheck(await signed(it, "pilot")).ok
            assert not list((tmp_path / "manifests").glob("*.part"))

    go(work)


def test_a_manifest_of_what_is_no_more_is_marked_in_the_audit_trail_and_its_files_stay(tmp_path: Path) -> None:
    async def work() -> None:
        write(tmp_path)
        async with night(tmp_path) as it:
            fill(it.left)
            await it.run("pilot")
            manifest = await signed(it, "pilot")
            await void(it.ledger, "pilot", "ben", "rolled back")
            event = (await it.ledger.events(limit=1000))[-1]
            assert event[2:5] == ("ben", "manifest void", "pilot")
            assert "manifests/pilot-1.json" in event[5]
            assert recheck(manifest).ok

    go(work)


# ---------------------------------------------------------------- re-checking


def test_every_flipped_byte_of_every_file_is_found(tmp_path: Path) -> None:
    async def make() -> Path:
        write(tmp_path)
        async with night(tmp_path) as it:
            fill(it.left, 8, bad=1)
            await it.run("pilot")
            return await signed(it, "pilot")

    manifest = asyncio.run(make())
    for path in beside(manifest):
        for at in range(path.stat().st_size):
            with flipped(path, at, at % 8):
                assert not recheck(manifest).ok, f"byte {at} of {path.name}"
    assert recheck(manifest).ok


def test_500_flipped_bytes_of_a_large_manifest_are_found_each(tmp_path: Path) -> None:
    manifest = asyncio.run(large(tmp_path, 8_000))
    sizes = [(path, path.stat().st_size) for path in beside(manifest)[:2]]
    chance = random.Random(4)
    for _ in range(500):
        path, size = chance.choices(sizes, weights=[1, 4])[0]
        at = chance.randrange(size)
        with flipped(path, at, chance.randrange(8)):
            assert not recheck(manifest).ok, f"byte {at} of {path.name}"
    assert recheck(manifest).ok


async def large(folder: Path, records: int) -> Path:
    """A signed manifest over a ledger that was filled by hand."""
    write(folder)
    async with night(folder) as it:
        flow = it.conductor.assembly.flows["incident"]
        wave = (await it.ledger.waves())["pilot"].id
        entries = [Entry(f"I{n:07}", Bucket.SYNCED, str(n), "1", f"{n:032x}") for n in range(records)]
        await it.ledger.settle(wave, flow.entity, entries)
        return await by_hand(it.ledger, wave, [flow], folder, records)


async def by_hand(ledger: Ledger, wave: int, flows, folder: Path, records: int) -> Path:  # type: ignore[no-untyped-def]
    listed = await write_records(ledger, wave, flows, folder / "big-1.records")
    (folder / "big-1.md").write_bytes(b"big\n")
    path = folder / "big-1.json"
    entity = SignedEntity(entity="incident", planned=records, buckets={"synced": records})
    manifest = Manifest(
        **dict.fromkeys(("migration", "note", "despite", "engine", "playbook", "playbook_version"), ""),
        **dict.fromkeys(("approved_by", "started", "ended", "proof", "signed_at", "signed_by"), ""),
        wave="big",
        number=1,
        stood=[],
        entities=[entity],
        aside=[],
        loose_references=0,
        rules=[],
        drift=None,
        records=listed.records,
        page=SignedFile(file="big-1.md", digest=digest_of(folder / "big-1.md")),
        previous=None,
        public_key=SEAL.public_key,
        fingerprint=SEAL.fingerprint,
    )
    write_manifest(path, manifest, SEAL)
    return path


def digest_of(path: Path) -> str:
    from engine.wire.manifest import digest

    return digest(path.read_bytes())


def test_more_lines_than_memory_holds_at_a_time_are_in_order_all_the_same(tmp_path: Path) -> None:
    manifest = asyncio.run(large(tmp_path, 130_000))
    assert recheck(manifest).ok
    lines = manifest.with_suffix(".records").read_bytes().splitlines()
    assert len(lines) == 130_000
    assert lines == sorted(lines)


def test_a_manifest_by_another_key_is_told_apart_when_the_right_one_is_known(tmp_path: Path) -> None:
    manifest = asyncio.run(large(tmp_path, 10))
    assert recheck(manifest, SEAL.fingerprint.upper()).ok
    assert failing(recheck(manifest, Seal(b"x" * 32).fingerprint)) == ["signature"]


def test_a_forged_manifest_needs_the_private_key(tmp_path: Path) -> None:
    manifest = asyncio.run(large(tmp_path, 10))
    said = orjson.loads(manifest.read_bytes())
    said["signed_by"] = "mallory"
    manifest.write_bytes(orjson.dumps(said, option=orjson.OPT_INDENT_2) + b"\n")
    assert failing(recheck(manifest)) == ["signature"]


def test_counts_that_were_wrong_when_they_were_signed_are_found(tmp_path: Path) -> None:
    manifest = asyncio.run(large(tmp_path, 10))
    said = orjson.loads(manifest.read_bytes())
    del said["signature"]
    lie = Manifest.model_validate(said)
    entity = SignedEntity(entity="incident", planned=11, buckets={"synced": 11})
    write_manifest(manifest, lie.model_copy(update={"entities": [entity]}), SEAL)
    assert failing(recheck(manifest)) == ["counts"]
    entity = SignedEntity(entity="incident", planned=11, buckets={"synced": 10})
    write_manifest(manifest, lie.model_copy(update={"entities": [entity]}), SEAL)
    assert failing(recheck(manifest)) == ["sum"]
    write_manifest(manifest, lie.model_copy(update={"entities": [entity], "proof": "may not read one"}), SEAL)
    assert recheck(manifest).ok


def test_each_manifest_names_the_one_before_it_and_a_gap_is_found(tmp_path: Path) -> None:
    async def make() -> tuple[Path, Path, Path]:
        write(tmp_path)
        async with night(tmp_path) as it:
            fill(it.left)
            await it.run()
            first, second = await signed(it, "pilot"), await signed(it, "rest")
            await it.run("pilot")
            return first, second, await signed(it, "pilot")

    first, second, third = asyncio.run(make())
    assert [line.detail for line in recheck(third).lines][-1] == "2 before it"
    kept = second.read_bytes()
    second.unlink()
    assert failing(recheck(third)) == ["chain"]
    second.write_bytes(kept)
    first.write_bytes(first.read_bytes() + b"\n")
    assert failing(recheck(third)) == ["chain"]
    assert failing(recheck(second)) == ["chain"]


def test_a_file_that_is_missing_or_no_manifest_is_said_so(tmp_path: Path) -> None:
    manifest = asyncio.run(large(tmp_path, 10))
    manifest.with_suffix(".md").unlink()
    manifest.with_suffix(".records").unlink()
    assert failing(recheck(manifest)) == ["page", "records"]
    for text in ("", "[]", "{}", "null", '{"signature": 1}', "\x00"):
        manifest.write_text(text)
        assert failing(recheck(manifest)) == ["signature"]
