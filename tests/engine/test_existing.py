"""Records that were at the target before us: updated instead of created, kept as they were, and put back."""

import asyncio
import base64
import os
import sqlite3
import sys
from pathlib import Path

import pytest

from connectors import memory
from connectors.kit.errors import Misconfigured
from engine.checks import check
from engine.clock import Clock
from engine.errors import Refused
from engine.images import EXIST
from engine.inspection import ask_once
from engine.ledger import Ledger
from engine.manifest import Seal
from engine.planner import plan
from engine.rollback import Rollbacks
from engine.sides import Sides
from engine.signoff import SignOffs
from engine.trial import try_record
from engine.vault import Image, Vault
from engine.wire import Retry, Rollback, Run, Sign
from tests.engine.memory_migration import PLAYBOOK, Night, fill, go, night, write
from tests.engine.test_rollback import export, fates, previewed, rolled_back, state
from tests.engine.test_rollback_seeds import Hasty, Sword, engine, given
from tests.engine.test_verifier import said, verified, word

EXISTING = PLAYBOOK.replace(
    "    fields:\n      title:",
    "    existing: { match: number, by: number }\n    fields:\n      number: number\n      title:",
)
CANARY = "zzcanary-9b1f"
THEIRS = {0: "T00", 4: "T04", 8: "T08", 17: "T17"}  # number of the incident: id of the issue that was there before


def prepared(folder: Path, *, playbook: str = EXISTING, n: int = 24, **options: str) -> None:
    """Incidents 0, 4 and 8 (of the pilot) and 17 have an issue that somebody made before, with a comment."""
    write(folder, playbook=playbook, **options)
    left, right = (memory.store(f"{folder.name}-{side}") for side in ("left", "right"))
    fill(left, n, bad=0)
    for i in range(n):
        left.edit("incident", f"I{i:04}", {"number": f"INC{i:04}"})
    for i, id in THEIRS.items():
        fields = {"number": f"INC{i:04}", "title": f"{CANARY} {i}", "status": "open", "owner": "rosa", "tags": ["a"]}
        right.put("issue", id, fields if i else {**fields, "priority": f"{CANARY} low"})
        right.put("comment", f"hers{i}", {"body": "seen"}, parent=id)


async def signed(it: Night, wave: str) -> None:
    signoffs = SignOffs(it.conductor, it.ledger, lambda: Seal(b"k" * 32), Clock())
    await signoffs.sign(Sign(wave=wave, by="ana"))


def taken(it: Night) -> dict[str, str]:
    """{source key: id at the target} of the images in the ledger."""
    with sqlite3.connect(it.folder / "ledger.db") as other:
        rows = dict(other.execute("SELECT key, target FROM image"))
    other.close()
    return rows


class Named(Sword):
    """Falls at one durable point, before or after it."""

    def __init__(self, when: str, point: str) -> None:
        super().__init__(1, when)
        self._point = point

    def __call__(self, when: str, point: str) -> None:
        if point == self._point:
            super().__call__(when, point)


async def causes(it: Night) -> list[str]:
    return sorted(cause for _, _, cause, _, _ in await it.ledger.causes())


def test_what_is_there_is_updated_instead_of_created_and_only_that_is_kept(tmp_path: Path) -> None:
    prepared(tmp_path)

    async def work() -> None:
        async with night(tmp_path) as it:
            status = await it.run()
            assert status.run_outcome == "done", [wave.cause for wave in status.waves]
            assert it.right.count("issue") == 24, "a second one was created beside one that was there"
            assert taken(it) == {f"I{i:04}": id for i, id in THEIRS.items()}
            record = it.right.get("issue", "T04")
            assert record is not None
            assert record.fields["title"] == "printer 4 on fire"
            assert record.fields["owner"] == "rosa", "a field that nobody maps was touched"
            assert len(it.right.tables["comment"].hanging["T04"]) == 3
            assert status.total.synced == 24
            assert set(it.copies().values()) == {1}
            assert len(it.copies()) == 24, "what was there does not carry our id"
            status = await it.run()
            assert len(taken(it)) == len(THEIRS)

    go(work)


def test_a_rollback_puts_back_what_was_there_removes_the_rest_and_the_wave_can_be_loaded_again(tmp_path: Path) -> None:
    prepared(tmp_path)

    async def work() -> None:
        async with night(tmp_path) as it:
            before = export(it.right)
            await it.run("pilot")
            whole = export(it.right)
            assert whole != before
            seen = await previewed(it, "pilot")
            assert fates(seen)["incident"] == {"restored": 3, "removed": 3}
            assert fates(seen)["incident/comment"] == {"removed": 12}
            status = await rolled_back(it, "pilot")
            assert state(status, "pilot") == ("rolled_back", state(status, "pilot")[1])
            assert export(it.right) == before
            assert it.copies() == {}, "our id stayed on a record that is not ours"
            assert taken(it) == {}
            assert await it.ledger.images.key(1) is None, "a key that opens nothing any more was kept"
            status = await it.run("pilot")
            assert state(status, "pilot")[0] == "awaiting_sign_off"
            assert [len(records) for records in export(it.right).values()] == [len(r) for r in whole.values()]
            await rolled_back(it, "pilot")
            assert export(it.right) == before

    go(work)


def test_what_people_edited_after_us_stays_and_what_they_edited_before_is_no_edit(tmp_path: Path) -> None:
    prepared(tmp_path)

    async def work() -> None:
        async with night(tmp_path) as it:
            it.right.edit("issue", "T00", {"owner": "mia"}, by="mia")
            before = export(it.right)
            await it.run("pilot")
            it.right.edit("issue", "T04", {"title": "by hand"}, by="rosa")
            kept = export(it.right)["issue"]["T04"]
            seen = await previewed(it, "pilot")
            assert fates(seen)["incident"] == {"restored": 2, "edited": 1, "removed": 3}
            assert [(one.target, one.by) for one in seen.edited] == [("T04", "rosa")]
            await rolled_back(it, "pilot")
            after = export(it.right)
            assert after["issue"] == {**before["issue"], "T04": kept}

    go(work)


def test_two_records_that_match_one_and_one_that_matches_two_are_set_aside(tmp_path: Path) -> None:
    prepared(tmp_path)

    async def work() -> None:
        async with night(tmp_path) as it:
            it.left.edit("incident", "I0012", {"number": "INC0004"})
            it.left.edit("incident", "I0005", {"number": "INC0008"})
            it.right.put("issue", "twin", {"number": "INC0017", "title": "twin"})
            before = export(it.right)["issue"]
            await it.run()
            assert set(await causes(it)) == {
                "several records at right have this number: which one is meant, nobody can tell",
                "the record at right with this number belongs to another record of the source",
            }
            assert (await it.buckets())["quarantined"] == 3
            after = export(it.right)["issue"]
            assert after["T17"] == before["T17"]
            assert after["twin"] == before["twin"]
            assert len(taken(it)) == 3
            assert set(it.copies().values()) == {1}
            it.right.remove("issue", "twin")
            cause = "several records at right have this number: which one is meant, nobody can tell"
            await it.conductor.retry(Retry(by="ana", cause=cause))
            await it.settled()
            assert (await it.buckets())["quarantined"] == 2
            assert taken(it)["I0017"] == "T17"

    go(work)


def test_what_was_created_for_one_record_is_never_written_over_for_another(tmp_path: Path) -> None:
    prepared(tmp_path)

    async def work() -> None:
        async with night(tmp_path) as it:
            await it.run("pilot")
            whole = {id: held for id, held in export(it.right)["issue"].items() if id != "T17"}
            it.left.edit("incident", "I0013", {"number": "INC0012"})
            await it.run("rest")
            assert {id: held for id, held in export(it.right)["issue"].items() if id in whole} == whole
            assert await causes(it) == ["the record at right with this number belongs to another record of the source"]
            assert taken(it) == {f"I{i:04}": id for i, id in THEIRS.items()}

    go(work)


def test_a_record_without_a_value_to_match_by_is_created(tmp_path: Path) -> None:
    prepared(tmp_path)

    async def work() -> None:
        async with night(tmp_path) as it:
            for key in ("I0004", "I0008"):
                it.left.edit("incident", key, {"number": ""})
            it.right.edit("issue", "T04", {"number": ""})
            await it.run("pilot")
            assert taken(it) == {"I0000": "T00"}
            assert it.right.count("issue") == len(THEIRS) + 5

    go(work)


def test_no_value_of_what_was_there_is_in_any_file(tmp_path: Path) -> None:
    prepared(tmp_path)

    async def work() -> None:
        async with night(tmp_path) as it:
            await it.run()
            key = tmp_path / ".cutover" / "vault.key"
            assert (key.stat().st_mode & 0o777, key.stat().st_size) == (0o600, 32)
            files = [path for path in tmp_path.rglob("*") if path.is_file()]
            assert [path.name for path in files if CANARY.encode() in path.read_bytes()] == []
            assert await it.ledger.images.key(1) is not None

    go(work)


@pytest.mark.parametrize("harm", ["damage", "swap"])
def test_an_image_that_was_changed_is_told_by_its_record_and_nothing_is_undone(tmp_path: Path, harm: str) -> None:
    prepared(tmp_path)

    async def work() -> None:
        async with night(tmp_path) as it:
            await it.run("pilot")
        with sqlite3.connect(tmp_path / "ledger.db") as other:
            rows = dict(other.execute("SELECT key, sealed FROM image"))
            text = (
                rows["I0008"]
                if harm == "swap"
                else ("B" if rows["I0004"][40] == "A" else "A").join((rows["I0004"][:40], rows["I0004"][41:]))
            )
            other.execute("UPDATE image SET sealed = ? WHERE key = 'I0004'", (text,))
        other.close()
        async with night(tmp_path) as it:
            whole = export(it.right)
            assert "record I0004" in (await previewed(it, "pilot")).refusals[0]
            with pytest.raises(Refused, match="before-image of the record I0004 is damaged"):
                await rolled_back(it, "pilot")
            assert export(it.right) == whole

    go(work)


def test_with_another_key_of_the_vault_nothing_is_undone_and_nothing_more_is_written_over(tmp_path: Path) -> None:
    prepared(tmp_path)

    async def work() -> None:
        path = tmp_path / ".cutover" / "vault.key"
        async with night(tmp_path) as it:
            before = export(it.right)
            await it.run("pilot")
        right_one = path.read_bytes()
        for wrong, words in ((os.urandom(32), "is not the one"), (b"short", "no key of a vault"), (None, "is gone")):
            if wrong is None:
                path.unlink()
            else:
                path.write_bytes(wrong)
            async with night(tmp_path) as it:
                whole = export(it.right)
                with pytest.raises(Refused, match=words):
                    await rolled_back(it, "pilot")
                assert export(it.right) == whole
                it.left.edit("incident", "I0016", {"number": "INC0017"})
                status = await it.run("pilot")
                assert export(it.right)["issue"]["T17"] == before["issue"]["T17"], "written over without an image"
                it.left.edit("incident", "I0016", {"number": "INC0016"})
                assert status is not None
        path.write_bytes(right_one)
        async with night(tmp_path) as it:
            await rolled_back(it, "pilot")
            assert export(it.right) == before

    go(work)


def test_signing_off_destroys_the_key_and_a_rollback_despite_it_leaves_what_was_there(tmp_path: Path) -> None:
    prepared(tmp_path)

    async def work() -> None:
        async with night(tmp_path) as it:
            await it.run("pilot")
            kept = await it.ledger.images.key(1)
            assert kept is not None
            await signed(it, "pilot")
            assert await it.ledger.images.key(1) is None
            needle = kept.wrapped.encode()
            assert [path.name for path in tmp_path.rglob("*") if path.is_file() and needle in path.read_bytes()] == []
            whole = export(it.right)
            with pytest.raises(Refused, match="cannot be restored any more"):
                await rolled_back(it, "pilot")
            seen = await previewed(it, "pilot")
            assert fates(seen)["incident"] == {"cannot be restored": 3, "removed": 3}
            command = Rollback(wave="pilot", by="ana", despite="all is lost")
            await Rollbacks(it.conductor, it.ledger).roll_back(command)
            await it.settled()
            after = export(it.right)["issue"]
            assert {id: after[id] for id in THEIRS.values()} == {id: whole["issue"][id] for id in THEIRS.values()}
            assert set(after) == set(THEIRS.values()), "what was created is still there"

    go(work)


def test_a_record_that_was_found_after_a_sign_off_is_kept_under_a_new_key_and_put_back(tmp_path: Path) -> None:
    prepared(tmp_path)

    async def work() -> None:
        async with night(tmp_path) as it:
            await it.run("pilot")
            await signed(it, "pilot")
            it.right.put("issue", "late", {"number": "INC0099", "title": "late", "status": "open"})
            before = export(it.right)["issue"]["late"]
            late = {"short_description": "x", "priority": "1", "state": "1", "region": "EMEA", "number": "INC0099"}
            it.left.put("incident", "I0099", late)
            await it.run("pilot")
            assert export(it.right)["issue"]["late"] != before
            seen = await previewed(it, "pilot")
            assert fates(seen)["incident"] == {"cannot be restored": 3, "removed": 3, "restored": 1}
            await rolled_back(it, "pilot")
            assert export(it.right)["issue"]["late"] == before

    go(work)


def test_a_created_record_that_takes_the_place_of_one_that_was_there_is_removed_like_any_other(tmp_path: Path) -> None:
    prepared(tmp_path)

    async def work() -> None:
        async with night(tmp_path) as it:
            await it.run("pilot")
            it.right.remove("issue", "T04")
            assert fates(await previewed(it, "pilot"))["incident"] == {"restored": 2, "removed": 3, "gone": 1}
            await rolled_back(it, "pilot")
            assert set(export(it.right)["issue"]) == {"T00", "T08", "T17"}

    go(work)


@pytest.mark.parametrize("creates", ["strong", "lagging"])
def test_a_create_without_an_answer_is_found_again_and_not_taken_for_one_that_was_there(
    tmp_path: Path, creates: str
) -> None:
    prepared(tmp_path, target=f"{{ creates: {creates}, search_settle: 0.05, late_commit: 0.02, bulk: 5 }}")
    right, clock = memory.store(f"{tmp_path.name}-right"), Hasty(1)
    before = export(right)
    right.faults.add("drop_after", "create", times=2)
    right.faults.add("drop_after", "restore", times=2)
    right.faults.add("unavailable", "lookup", times=2)
    right.faults.add("unavailable", "image", times=1)

    async def work() -> None:
        assert await given(tmp_path, clock, Run(waves=[], by="ana"), Sword(0, ""))
        assert (right.count("issue"), set(right.copies("issue").values())) == (24, {1})
        for wave in ("rest", "pilot"):
            assert await given(tmp_path, clock, Rollback(wave=wave, by="ana"), Sword(0, ""))
        assert export(right) == before

    asyncio.run(work())


@pytest.mark.parametrize("creates", ["native", "strong", "lagging"])
def test_what_was_created_without_an_answer_stays_the_records_own_although_it_matches_another_by_now(
    tmp_path: Path, creates: str
) -> None:
    prepared(tmp_path, target=f"{{ creates: {creates}, search_settle: 0.05, late_commit: 0.02, bulk: 5 }}")
    left, right = (memory.store(f"{tmp_path.name}-{side}") for side in ("left", "right"))
    clock, before = Hasty(1), export(right)

    async def work() -> None:
        assert not await given(tmp_path, clock, Run(waves=["pilot"], by="ana"), Named("before", "written"))
        sent = {str(held["number"]) for held, _ in export(right)["issue"].values()}
        key = next(f"I{i:04}" for i in (12, 16, 20) if f"INC{i:04}" in sent)
        left.edit("incident", key, {"number": "INC0017"})
        assert await given(tmp_path, clock, Run(waves=["pilot"], by="ana"), Sword(0, ""))
        assert export(right)["issue"]["T17"] == before["issue"]["T17"]
        assert (right.count("issue"), set(right.copies("issue").values())) == (len(THEIRS) + 3, {1})
        assert await given(tmp_path, clock, Rollback(wave="pilot", by="ana"), Sword(0, ""))
        assert export(right) == before

    asyncio.run(work())


def test_a_target_that_cannot_find_or_put_back_is_refused_with_what_to_change(tmp_path: Path) -> None:
    prepared(tmp_path, target="{ updates: false }")

    async def work() -> None:
        with pytest.raises(Misconfigured, match="cannot look up records that are there before"):
            async with night(tmp_path):
                pass

    asyncio.run(work())


def test_a_status_that_cannot_be_reached_again_leaves_the_record_ours_and_is_told(tmp_path: Path) -> None:
    prepared(tmp_path, target="{ statuses: [open, doing, done] }")

    async def work() -> None:
        async with night(tmp_path) as it:
            it.right.edit("issue", "T04", {"status": "odd"})
            before = export(it.right)
            await it.run("pilot")
            status = await rolled_back(it, "pilot")
            assert state(status, "pilot")[0] == "needs_human"
            assert "1 incident refused" in state(status, "pilot")[1]
            assert "could not be undone: no such status" in await causes(it)
            assert export(it.right)["issue"]["T00"] == before["issue"]["T00"]

    go(work)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("point", ["keep_key", "image"])
def test_nothing_is_written_over_before_its_image_is_durable(tmp_path: Path, when: str, point: str) -> None:
    prepared(tmp_path)
    right, clock = memory.store(f"{tmp_path.name}-right"), Hasty(1)

    async def work() -> None:
        before = export(right)
        sword = Named(when, point)
        async with engine(tmp_path, clock, sword) as it:
            sword.drawn = True
            await it.conductor.run(Run(waves=["pilot"], by="ana"))
            async with asyncio.timeout(20):
                await sword.fell.wait()
            for _ in range(300):
                await asyncio.sleep(0)
            assert {id: export(right)["issue"][id] for id in THEIRS.values()} == before["issue"]
        assert await given(tmp_path, clock, Run(waves=["pilot"], by="ana"), Sword(0, ""))
        assert export(right)["issue"]["T04"] != before["issue"]["T04"]
        assert await given(tmp_path, clock, Rollback(wave="pilot", by="ana"), Sword(0, ""))
        assert export(right) == before

    asyncio.run(work())


def test_an_edit_between_the_look_up_and_the_update_is_somebody_elses_and_stays(tmp_path: Path) -> None:
    prepared(tmp_path)

    async def work() -> None:
        edited = False

        def witness(when: str, point: str) -> None:
            nonlocal edited
            if (when, point) == ("after", "image") and not edited:
                edited = True
                memory.store(f"{tmp_path.name}-right").edit("issue", "T04", {"owner": "mia"}, by="mia")

        async with night(tmp_path, witness) as it:
            await it.run("pilot")
            assert edited
            assert fates(await previewed(it, "pilot"))["incident"] == {"restored": 2, "edited": 1, "removed": 3}

    go(work)


def test_an_edit_before_the_wave_excuses_no_difference_after_it(tmp_path: Path) -> None:
    prepared(tmp_path)

    async def work() -> None:
        async with night(tmp_path) as it:
            it.right.put("comment", "late", {"body": "x"}, parent="T04", by="mia")
            await it.run("pilot")
            comment = next(c for c in it.right.tables["comment"].hanging["T04"] if not c.startswith(("hers", "late")))
            it.right.tables["comment"].remove(comment)
            context = it.conductor.context((await it.ledger.waves())["pilot"])
            sides = Sides(it.ledger, context.people, b"s" * 32, ask_once)
            flow = it.conductor.assembly.flows["incident"]
            entries = await it.ledger.entries(1, flow.entity, "", 100)
            found = await sides.compare(flow, entries)
            assert [(d.kind, d.root, d.by) for d in found.differing] == [("missing", "I0004", "")]

    go(work)


def test_the_verifier_finds_nothing_wrong_with_what_was_there_nor_with_what_was_put_back(tmp_path: Path) -> None:
    prepared(tmp_path)

    async def work() -> None:
        async with night(tmp_path) as it:
            await it.run()
            report = await verified(it)
            assert [(each.wave, each.ok, said(each)) for each in report.waves] == [
                ("pilot", True, set()),
                ("rest", True, set()),
            ]
            it.right.edit("issue", "T17", {"title": "by hand"}, by="rosa")
            assert said(await word(it, "rest")) == {("incident", "I0017", "changed", "title")}
            await rolled_back(it, "pilot")
            it.right.edit("issue", "T17", {"title": "printer 17 on fire"}, by="rosa")
            assert (await word(it, "rest")).ok

    go(work)


KEY = "00112233445566778899aabbccddeeff" * 2


def keyring(folder: Path, body: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "keyring.py").write_text(body)


KEPT = """
import json, pathlib
_file = pathlib.Path(__file__).with_name("kept.json")
def get_password(service, user):
    return json.loads(_file.read_text()).get(f"{service}/{user}") if _file.exists() else None
def set_password(service, user, text):
    _file.write_text(json.dumps({f"{service}/{user}": text}))
"""


@pytest.mark.parametrize("given", ["${env:VAULT}", "${file:vault}", "keyring"])
def test_the_key_of_the_vault_is_taken_from_where_the_migration_says(
    tmp_path: Path, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared(tmp_path)
    (tmp_path / "vault").write_text(f"{KEY}\n")
    (tmp_path / "vault").chmod(0o600)
    monkeypatch.setenv("VAULT", base64.b64encode(bytes.fromhex(KEY)).decode())
    keyring(tmp_path / "lib", KEPT)
    monkeypatch.syspath_prepend(tmp_path / "lib")
    with (tmp_path / "migration.yaml").open("a") as file:
        file.write(f'vault: "{given}"\n')

    async def work() -> None:
        async with night(tmp_path) as it:
            before = export(it.right)
            await it.run("pilot")
            assert not (tmp_path / ".cutover" / "vault.key").exists()
        (tmp_path / "vault").write_text(KEY[::-1])
        monkeypatch.setenv("VAULT", KEY[::-1])
        if given != "keyring":
            async with night(tmp_path) as it:
                with pytest.raises(Refused, match="not the one that the before-images were sealed with"):
                    await rolled_back(it, "pilot")
        (tmp_path / "vault").write_text(KEY)
        monkeypatch.setenv("VAULT", KEY)
        async with night(tmp_path) as it:
            await rolled_back(it, "pilot")
            assert export(it.right) == before

    try:
        go(work)
    finally:
        sys.modules.pop("keyring", None)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("${env:VAULT}", "32 bytes, as 64 hexadecimal digits or in base64"),
        ("${file:none}", "the file cannot be read"),
        ("keyring", "The keyring does not answer (OSError)"),
    ],
)
def test_a_key_of_the_vault_that_cannot_be_had_stops_the_wave_before_anything_is_written_over(
    tmp_path: Path, given: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared(tmp_path)
    monkeypatch.setenv("VAULT", "short")
    keyring(tmp_path / "lib", "def get_password(service, user):\n    raise OSError(user)\n")
    monkeypatch.syspath_prepend(tmp_path / "lib")
    with (tmp_path / "migration.yaml").open("a") as file:
        file.write(f'vault: "{given}"\n')

    async def work() -> None:
        async with night(tmp_path) as it:
            before = export(it.right)["issue"]
            status = await it.run("pilot")
            word, cause = state(status, "pilot")
            assert (word, told in cause) == ("failed", True), cause
            after = export(it.right)["issue"]
            assert {id: after[id] for id in before} == before

    try:
        go(work)
    finally:
        sys.modules.pop("keyring", None)


def test_an_image_is_kept_once_and_a_target_has_one_owner(tmp_path: Path) -> None:
    async def work() -> None:
        clock = Clock()
        ledger = Ledger(tmp_path / "ledger.db", clock)
        await ledger.open()
        vault, at = Vault(ledger.images, clock, lambda _: b"k" * 32), clock.now()
        first, second = Image({"a": 1}), Image({"a": 2})
        assert await vault.keep(1, 1, "jira:issue", at, {"A": ("T1", first), "B": ("T1", first)}) == {"A"}
        assert await vault.keep(1, 1, "jira:issue", at, {"A": ("T1", second), "C": ("T2", first)}) == {"A", "C"}
        assert await vault.keep(1, 1, "jira:issue", at, {"A": ("T2", second)}) == set(), "one stole another's"
        assert (await vault.open(1, ["A", "B", "C"])) == {"A": first, "C": first}, "a first image was lost"
        assert await vault.keep(1, 1, "jira:issue", at, {"A": ("T3", second)}) == {"A"}
        assert await vault.keep(1, 2, "jira:issue", at, {"A": ("T3", second)}) == set(), "of another entity"
        assert await vault.keep(1, 2, "jira:task", at, {"A": ("T3", second)}) == {"A"}, "another place"
        assert (await vault.open(1, ["A"])) == {"A": second}
        assert {(e.key, e.target, e.print) for e in (await ledger.known(1, ["A", "B", "C"])).values()} == {
            ("A", "T3", ""),
            ("C", "T2", ""),
        }
        await ledger.close()

    asyncio.run(work())


def test_a_rollback_that_was_cut_off_waits_for_the_right_key_and_goes_on(tmp_path: Path) -> None:
    prepared(tmp_path)
    right, clock, path = memory.store(f"{tmp_path.name}-right"), Hasty(1), tmp_path / ".cutover" / "vault.key"
    before, command = export(right), Rollback(wave="pilot", by="ana")

    async def work() -> None:
        assert await given(tmp_path, clock, Run(waves=["pilot"], by="ana"), Sword(0, ""))
        assert not await given(tmp_path, clock, command, Named("after", "undo_intend"))
        right_one = path.read_bytes()
        path.write_bytes(os.urandom(32))
        assert await given(tmp_path, clock, command, Sword(0, ""))
        async with night(tmp_path) as it:
            row = (await it.ledger.waves())["pilot"]
            assert (row.state, "not the one" in row.cause) == ("rolling_back", True), row
            assert all(
                held != before["issue"][id] for id, held in export(right)["issue"].items() if id in ("T00", "T04")
            )
        path.write_bytes(right_one)
        assert await given(tmp_path, clock, command, Sword(0, ""))
        assert export(right) == before

    asyncio.run(work())


def test_keeping_an_image_costs_the_same_however_many_there_are(tmp_path: Path) -> None:
    async def work() -> None:
        ledger = Ledger(tmp_path / "ledger.db", Clock())
        await ledger.open()
        with sqlite3.connect(tmp_path / "ledger.db") as other:
            plan = [row[3] for row in other.execute(f"EXPLAIN QUERY PLAN {EXIST}", (1, 1, "[]", "right:issue"))]
        other.close()
        await ledger.close()
        assert [step[:8] for step in plan] == ["SCAN j V", "SEARCH i"], plan
        assert plan[1].endswith("key=?)"), plan

    asyncio.run(work())


def test_what_is_there_is_shown_on_trial_in_the_plan_and_before_signing(tmp_path: Path) -> None:
    prepared(tmp_path)

    async def work() -> None:
        async with night(tmp_path) as it:
            it.right.put("issue", "twin", {"number": "INC0017"})
            it.left.edit("incident", "I0001", {"number": ""})
            assembly = it.conductor.assembly
            told = {key: (await try_record(assembly, key)).existing for key in ("I0000", "I0001", "I0002", "I0017")}
            assert told == {
                "I0000": "issue T00 has the same number. It would be updated",
                "I0001": "nothing is looked for: number is empty. It would be created",
                "I0002": "no record has this number. It would be created",
                "I0017": "it would be quarantined: several records at right have this number: which one is meant, "
                "nobody can tell",
            }
            assert {e.existing for wave in (await plan(assembly, it.ledger)).waves for e in wave.entities} == {"number"}
            await it.run("pilot")
            signoffs = SignOffs(it.conductor, it.ledger, lambda: Seal(b"k" * 32), Clock())
            assert (await signoffs.preview("pilot")).images == 3

    go(work)


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("match: number, by: number", "records can be looked up by number"),
        ("match: nmber, by: number", "Did you mean number?"),
        ("match: number, by: nmber", "Did you mean number?"),
    ],
)
def test_a_check_looks_whether_records_can_be_looked_up(tmp_path: Path, rule: str, told: str) -> None:
    prepared(tmp_path, playbook=EXISTING.replace("match: number, by: number", rule))

    async def work() -> None:
        async with night(tmp_path) as it:
            lines = (await check(it.conductor.assembly, it.ledger, 0)).lines
            assert any(told in (line.detail, line.hint) for line in lines), lines

    go(work)
