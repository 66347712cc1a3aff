"""Finds connectors: a module or package under `connectors/`, or an entry point in the group `cutover.connectors`.

Nothing is imported until a connector is asked for, so a connector with missing libraries hurts only who uses it.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from difflib import get_close_matches
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import connectors
from connectors.kit.contract import Connection, Connector, Ports
from connectors.kit.errors import Misconfigured

GROUP = "cutover.connectors"
_NOT_CONNECTORS = frozenset({"kit", "rehearsal"})

Connect = Callable[[Connection, Ports], Connector]


def names() -> list[str]:
    """Every connector that could be asked for."""
    return sorted(_ours() | _plugins().keys())


def find(name: str) -> Connect:
    """The `connect` of a connector. Raises Misconfigured when there is none by this name, or it cannot be loaded."""
    plugin = _plugins().get(name)
    load: Callable[[], Any]
    if name in _ours():
        where, load = f"connectors/{name}", partial(importlib.import_module, f"connectors.{name}")
    elif plugin is not None:
        where, load = f"the plugin {plugin.value}", plugin.load
    else:
        known = names()
        near = get_close_matches(name, known, n=3, cutoff=0.5)
        raise Misconfigured(
            f"there is no connector {name!r}",
            hint=f"Did you mean {' or '.join(near)}?" if near else f"Known: {', '.join(known)}.",
        )
    try:
        loaded = load()
    except (ImportError, AttributeError) as error:
        raise Misconfigured(
            f"the connector {name!r} cannot be loaded: {error}", hint="Install what it needs, or repair it."
        ) from error
    connect = getattr(loaded, "connect", loaded)  # an entry point names the module or the function itself
    if not callable(connect):
        raise Misconfigured(
            f"the connector {name!r} ({where}) defines no connect(connection, ports)",
            hint="See connectors/kit/contract.py for what a connector defines.",
        )
    found: Connect = connect
    return found


def connect(connection: Connection, ports: Ports) -> Connector:
    """The connector of a system, ready to use; close it."""
    return find(connection.connector)(connection, ports)


def _ours() -> set[str]:
    found = pkgutil.iter_modules(connectors.__path__)
    return {module.name for module in found if module.name not in _NOT_CONNECTORS and not module.name.startswith("_")}


def _plugins() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}
