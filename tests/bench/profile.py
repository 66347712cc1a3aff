"""Where the CPU of the engine's event loop goes, by module."""

from __future__ import annotations

import pstats
import tempfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from tests.bench.alone import CREATES, measure
from tests.bench.contest import profiled
from tests.bench.process import ROOT
from tests.bench.table import table, tenths

_SHOWN = 12

Function = tuple[str, int, str]  # file, line, name; built-in functions have the file "~"


def show_alone(records: int) -> None:
    _show("engine alone", records, lambda file: measure(records, CREATES[0], file))


def show_over_http(records: int) -> None:
    _show("over HTTP", records, lambda file: profiled(records, file))


def _show(what: str, records: int, run: Callable[[Path], object]) -> None:
    """Profile one run. Only shares count: the profiler itself makes everything slower."""
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        file = Path(place) / "profile"
        run(file)
        stats: dict[Function, tuple[int, int, float, float, dict[Function, tuple[int, int, float, float]]]]
        stats = pstats.Stats(str(file)).stats  # type: ignore[attr-defined]
    modules: dict[str, float] = defaultdict(float)
    functions: dict[str, float] = defaultdict(float)
    for (path, line, name), (_, _, own, _, callers) in stats.items():
        if path != "~":
            modules[_module(path)] += own
            functions[f"{_module(path)}:{line} {name}"] += own
            continue
        functions[name] += own
        for caller, (_, _, part, _) in callers.items():  # what a built-in costs, its caller costs
            modules[_module(caller[0]) if caller[0] != "~" else caller[2]] += part
    total = sum(modules.values())
    _print(f"CPU of the event loop by module, {what}, {records:,} records (built-ins with callers)", modules, total)
    _print("... and by function, built-ins by themselves", functions, total)


def _print(title: str, parts: dict[str, float], total: float) -> None:
    most = sorted(parts.items(), key=lambda part: -part[1])[:_SHOWN]
    rows = [[name[:90], tenths(100 * seconds / total)] for name, seconds in most]
    rows.append(["everything else", tenths(100 * (total - sum(seconds for _, seconds in most)) / total)])
    table(title, ["", "%"], rows)


def _module(path: str) -> str:
    """`engine.ledger`, `asyncio.tasks`; what is not a file keeps its name."""
    file = Path(path)
    if file.is_relative_to(ROOT) and "site-packages" not in file.parts:
        file = file.relative_to(ROOT)
    else:
        parts = file.parts
        after = [at for at, part in enumerate(parts) if part == "site-packages" or part.startswith("python3.")]
        file = Path(*parts[after[-1] + 1 :]) if after and after[-1] + 1 < len(parts) else file
    return ".".join(file.with_suffix("").parts).removesuffix(".__init__")
