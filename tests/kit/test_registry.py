"""Connectors are found by name, and only the one asked for is loaded."""

from __future__ import annotations

import subprocess
import sys
import types

import pytest

import connectors
from connectors.kit import registry
from connectors.kit.contract import Connection
from connectors.kit.errors import Misconfigured
from tests.kit.ports import plain_ports

ONE_FILE = """
from connectors.kit.contract import Connection, Ports

def connect(connection, ports):
    return ("mine", connection.name)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of connectors beside ours, and of installed packages."""
    monkeypatch.setattr(connectors, "__path__", [*connectors.__path__, str(tmp_path / "more")])
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    (tmp_path / "more").mkdir()
    (tmp_path / "site").mkdir()
    yield tmp_path
    for name in [n for n in sys.modules if n.startswith(("connectors.zz", "zz_"))]:
        del sys.modules[name]


def plugin(folder, name, target, code):
    (folder / "site" / f"{target.partition(':')[0]}.py").write_text(code)
    info = folder / "site" / f"{name}-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[cutover.connectors]\n{name} = {target}\n")


def test_a_single_file_is_a_connector(folder):
    (folder / "more" / "zzmine.py").write_text(ONE_FILE)
    assert "zzmine" in registry.names()
    made = registry.connect(Connection("east", "zzmine", "http://x"), plain_ports())
    assert made == ("mine", "east")


@pytest.mark.parametrize("target", ["zz_plug", "zz_plug:connect"])
def test_an_entry_point_is_a_connector_by_module_or_by_function(folder, target):
    plugin(folder, "zzplug", target, ONE_FILE)
    assert "zzplug" in registry.names()
    assert registry.connect(Connection("west", "zzplug", ""), plain_ports()) == ("mine", "west")


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(Misconfigured, match="servicenow"):
        registry.find("service-now")
    with pytest.raises(Misconfigured, match=r"Known: .*servicenow"):
        registry.find("qqqqqq")


def test_the_kit_and_the_rehearsal_systems_are_no_connectors():
    assert not {"kit", "rehearsal"} & set(registry.names())
    with pytest.raises(Misconfigured):
        registry.find("kit")


def test_a_connector_that_does_not_load_says_why(folder):
    (folder / "more" / "zzbroken.py").write_text("import no_such_library_anywhere\n")
    with pytest.raises(Misconfigured, match="no_such_library_anywhere"):
        registry.find("zzbroken")


def test_a_module_without_connect_is_named(folder):
    (folder / "more" / "zzempty.py").write_text("")
    with pytest.raises(Misconfigured, match=r"zzempty.*connect\(connection, ports\)"):
        registry.find("zzempty")
    assert isinstance(sys.modules["connectors.zzempty"], types.ModuleType)


def test_listing_names_loads_no_connector():
    code = (
        "import sys; from connectors.kit import registry; registry.names();"
        "print([m for m in sys.modules if m.startswith('connectors.') and not m.startswith('connectors.kit')])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert result.stdout.strip() == "[]"
