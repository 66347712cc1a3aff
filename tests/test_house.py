"""The rules of the house, held by tests: who imports whom, and how large a room may grow."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("cockpit", "engine", "connectors", "runbooks")
LARGEST = 450  # lines that can be read in one sitting


def modules_after(statement: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after this statement."""
    script = f"{statement}\nimport sys\nprint('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.split())


def test_the_contracts_between_the_storeys_are_kept() -> None:
    linter = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([linter], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout


def test_the_cockpit_loads_the_wire_of_the_engine_and_nothing_else_of_it_and_no_connector() -> None:
    loaded = modules_after("import cockpit.cli")
    seen = {name for name in loaded if name.partition(".")[0] == "engine"} - {"engine", "engine.wire"}
    assert all(name.startswith("engine.wire.") for name in seen), seen
    assert not {name for name in loaded if name.partition(".")[0] == "connectors"}


def test_a_connector_loads_neither_the_engine_nor_another_connector() -> None:
    for connector, others in (("servicenow", "jira"), ("jira", "servicenow"), ("file", "memory"), ("memory", "file")):
        loaded = modules_after(f"import connectors.{connector}")
        assert not {name for name in loaded if name.partition(".")[0] in ("engine", "runbooks", "cockpit")}
        assert not {name for name in loaded if name.startswith((f"connectors.{others}", "connectors.rehearsal"))}


def test_a_rehearsal_system_loads_no_connector() -> None:
    loaded = modules_after("import connectors.rehearsal.servicenow, connectors.rehearsal.jira")
    assert {name.split(".")[1] for name in loaded if name.startswith("connectors.")} == {"rehearsal"}


def test_only_the_clock_of_the_engine_knows_the_time() -> None:
    """So that a whole night can run in a second, and a seed replays bit for bit."""
    words = ("time.time(", "time.monotonic(", "asyncio.sleep(", "datetime.now(", "random.random(", "uuid4(", "urandom(")
    for room in ("engine", "connectors"):
        for path in (ROOT / room).rglob("*.py"):
            if path.name == "clock.py" or "rehearsal" in path.parts or "conformance" in path.parts:
                continue
            text = path.read_text()
            found = [word for word in words if word in text]
            assert not found, f"{path.relative_to(ROOT)} uses {found}; take it from the clock"


def test_the_ledger_and_its_logbook_alone_speak_sql() -> None:
    for path in (ROOT / "engine").rglob("*.py"):
        if path.name in (
            "ledger.py",
            "logbook.py",
            "asides.py",
            "undos.py",
            "drifts.py",
            "references.py",
            "defects.py",
            "images.py",
            "database.py",
        ):
            continue
        text = path.read_text()
        assert "INSERT INTO" not in text, path
        assert "SELECT " not in text, path


@pytest.mark.parametrize("room", ROOMS)
def test_no_file_is_too_long_to_be_read_in_one_sitting(room: str) -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in (ROOT / room).rglob("*.py")
        if (lines := len(path.read_text().splitlines())) > LARGEST
    }
    assert long == {}


def test_the_pins_name_no_package_index() -> None:
    text = (ROOT / "constraints.txt").read_text()
    assert "://" not in text
    assert "--index" not in text
