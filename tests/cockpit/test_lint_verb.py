"""`cutover lint` says all that is wrong with the files, also what only the engine's compilers know, and asks nobody."""

from __future__ import annotations

from pathlib import Path

import pytest

from cockpit import codes
from tests.cockpit.desk import desk


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("title: title", 'title: { cel: "string(number + " }', "book.yaml:9:21: mismatched input"),
        (
            "waves:",
            'rules: [{ rule: sane, about: x, each: paper, then: "title == 1" }]\nwaves:',
            "write source.title or target.title",
        ),
    ],
    ids=["a field", "a rule"],
)
def test_an_expression_that_cannot_be_compiled_is_told_with_its_place(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    with desk(tmp_path / "m", 1) as it:
        book = it.folder / "book.yaml"
        assert it.type("lint").code == codes.DONE
        book.write_text(book.read_text().replace(old, new))
        wrong = it.type("lint")
        assert (wrong.code, wrong.out) == (codes.USAGE, "")
        assert said in wrong.err
        assert it.engine() is None


def test_a_connector_that_does_not_exist_is_told_with_its_place_and_the_nearest(tmp_path: Path) -> None:
    with desk(tmp_path / "m", 1) as it:
        file = it.folder / "migration.yaml"
        file.write_text(file.read_text().replace("connector: memory", "connector: memori"))
        wrong = it.type("lint")
        assert wrong.code == codes.USAGE
        assert "migration.yaml:5:23: there is no connector 'memori'. Did you mean memory?" in wrong.err
