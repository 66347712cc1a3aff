"""`cutover profile` typed at a terminal, over real processes."""

import json
from pathlib import Path

from cockpit import codes
from tests.cockpit.desk import HOSTILE, OBEYED, desk, plain


def test_what_may_go_wrong_is_said_in_words_and_nothing_moves(tmp_path: Path) -> None:
    rows = plain(20)
    rows[3] |= {"priority": "secret word", "title": ""}
    rows[4] |= {"ref": "P002", "title": "cafÃ©"}
    with desk(tmp_path / "m", rows) as it:
        done = it.type("profile")
        assert (done.code, done.err) == (codes.DONE, "")
        assert "paper at left, read" in done.out
        assert "20 records" in done.out
        assert "✘ 1 record will be quarantined: priority: value not in the map" in done.out
        assert "priority → priority: 1 record has a value outside the map; they will be quarantined" in done.out
        assert "1 × s… (11 characters)" in done.out
        assert "secret word" not in done.out
        assert "owner → owner: 10 records have a value outside the map; the field is left out" in done.out
        assert "1 record with a ref that another has, too" in done.out
        assert "title: 1 record with what looks like UTF-8 read as another encoding" in done.out
        assert "1 × secret word" in it.type("profile", "--show-values").out
        assert it.type("status", "--json").json["total"]["synced"] == 0
        kept = [path for path in (it.folder / ".cutover").iterdir() if path.is_file()]
        assert b"secret word" not in b"".join(path.read_bytes() for path in kept)


def test_a_profile_is_a_document_for_scripts_and_may_be_of_one_wave_or_a_sample(tmp_path: Path) -> None:
    with desk(tmp_path / "m", 40) as it:
        (paper,) = it.type("profile", "--wave", "pilot", "--json").json["entities"]
        assert (paper["records"], paper["whole"]) == (20, True)
        (paper,) = it.type("profile", "--sample", "8", "--json").json["entities"]
        assert (paper["records"], paper["whole"]) == (8, False)
        wrong = it.type("profile", "--entity", "papers")
        assert (wrong.code, wrong.out) == (codes.FAILED, "")
        assert "Did you mean paper?" in wrong.err


def test_comments_are_counted_by_the_record_they_hang_on(tmp_path: Path) -> None:
    with desk(tmp_path / "m", 40) as it:
        book = it.folder / "book.yaml"
        child = "    children: [{ entity: note, target: comment, body: { from: text } }]\nwaves:"
        book.write_text(book.read_text().replace("waves:", child))
        notes = [{"id": f"N{at}", "parent": "K001", "text": "called" if at else "", "changed": 1} for at in range(3)]
        (it.folder / "data" / "note.jsonl").write_text("".join(json.dumps(each) + "\n" for each in notes))
        done = it.type("profile")
        assert (done.code, done.err) == (codes.DONE, "")
        assert "paper/note at left" in done.out
        assert "on 1 of 40 records; median 0, at most 3" in done.out
        assert "▲ 1 record has no text" in done.out
        assert "▲ text: 1 record is without it" in done.out
        assert "paper/note" not in it.type("profile", "--no-children").out


def test_a_hostile_value_does_nothing_to_the_terminal(tmp_path: Path) -> None:
    with desk(tmp_path / "m", [{**plain(1)[0], "priority": HOSTILE}]) as it:
        shown = it.type("profile", "--show-values").out
        assert "red" in shown
        assert not any(bad in shown for bad in OBEYED)
