"""`cutover profile` typed at a terminal, over real processes."""

import json
from html.parser import HTMLParser
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


class Page(HTMLParser):
    """What a reader of a page sees, and which tags and attributes there are."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.seen = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.seen += data


def test_a_page_says_what_the_text_says_and_no_value_of_a_record_is_a_tag_in_it(tmp_path: Path) -> None:
    rows = plain(20)
    rows[3] |= {"priority": "<script>alert(1)</script>" + HOSTILE}
    with desk(tmp_path / "m", rows) as it:
        text = it.type("profile", "--html", "profile.html")
        assert (text.code, text.err) == (codes.DONE, "As a page: profile.html\n")
        file = it.folder / "profile.html"
        assert file.stat().st_mode & 0o777 == 0o600
        masked = Page(file.read_text())
        for words in ("paper", "20 records", "1 record will be quarantined: priority: value not in the map", "1 × <…"):
            assert words in text.out
            assert words in masked.seen
        assert "alert" not in masked.seen
        assert it.type("profile", "--html", "profile.html", "--show-values").code == codes.DONE
        shown = Page(file.read_text())
        assert "1 × <script>alert(1)</script>red" in shown.seen
        assert not any(bad in shown.seen for bad in OBEYED)
        for page in (masked, shown):
            assert "script" not in page.tags
            assert page.attributes == {"charset", "class", "content", "href", "http-equiv", "id", "lang", "name"}
        assert not [path for path in it.folder.iterdir() if path.name.endswith(".part")]


def test_a_page_that_cannot_be_written_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with desk(tmp_path / "m", 1) as it:
        wrong = it.type("profile", "--html", "nowhere/profile.html")
        assert (wrong.code, wrong.out) == (codes.USAGE, "")
        assert "nowhere does not exist" in wrong.err
        assert it.engine() is None


def test_a_hostile_value_does_nothing_to_the_terminal(tmp_path: Path) -> None:
    with desk(tmp_path / "m", [{**plain(1)[0], "priority": HOSTILE}]) as it:
        shown = it.type("profile", "--show-values").out
        assert "red" in shown
        assert not any(bad in shown for bad in OBEYED)
