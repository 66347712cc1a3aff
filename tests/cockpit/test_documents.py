"""The pages about the command say what the command does."""

from importlib import util
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_the_reference_is_what_the_command_says_of_itself() -> None:
    spec = util.spec_from_file_location("write_cli", DOCS / "write_cli.py")
    assert spec is not None and spec.loader is not None
    writer = util.module_from_spec(spec)
    spec.loader.exec_module(writer)
    assert (DOCS / "cli.md").read_text() == writer.reference(), "write it anew: python docs/write_cli.py"


def test_the_recording_shows_a_kill_and_a_proof() -> None:
    text = (DOCS / "demo.txt").read_text()
    for words in ("$ make demo", "kill -9", "The engine died.", "0 in doubt", "✔ Asked at the target:", "none twice"):
        assert words in text
    assert "Traceback" not in text
