"""The pages about the command say what the command does."""

from importlib import util
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def written_by(script: str) -> str:
    """What this script of the documentation writes now."""
    spec = util.spec_from_file_location(script, DOCS / f"{script}.py")
    assert spec is not None and spec.loader is not None
    writer = util.module_from_spec(spec)
    spec.loader.exec_module(writer)
    text: str = writer.reference()
    return text


def test_the_reference_is_what_the_command_says_of_itself() -> None:
    assert (DOCS / "cli.md").read_text() == written_by("write_cli"), "write it anew: python docs/write_cli.py"


def test_the_page_of_keys_is_the_table_of_keys() -> None:
    page = (DOCS / "reference" / "keys.md").read_text()
    assert page == written_by("write_keys"), "write it anew: python docs/write_keys.py"


def test_the_recording_shows_a_kill_and_a_proof() -> None:
    text = (DOCS / "demo.txt").read_text()
    for words in ("$ make demo", "kill -9", "The engine died.", "0 in doubt", "✔ Asked at the target:", "none twice"):
        assert words in text
    assert "Traceback" not in text
