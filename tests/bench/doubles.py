"""The rehearsal systems, each a process of its own, and the proof of what arrived."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx
import orjson

from tests.bench.process import BenchError, end, start

_STARTS_WITHIN = 120.0  # seconds; 200,000 records take their time


class Served(NamedTuple):
    url: str
    pid: int


@contextmanager
def served(system: str, records: int = 0, latency_ms: float = 0.0) -> Iterator[Served]:
    """A fresh `servicenow` with so many incidents, or a fresh and empty `jira`, until the block ends."""
    options = ["--plain", "--records", str(records), "--latency-ms", str(latency_ms)]
    process = start(["-m", "connectors.rehearsal.serve", f"--{system}", "0", *options])
    try:
        yield Served(_url(process, system), process.pid)
    finally:
        end(process)


def _url(process: subprocess.Popen[str], system: str) -> str:
    assert process.stdout
    line = process.stdout.readline()  # the first line says where it is; none comes when it ended
    if not line.startswith(f"{system}: "):
        raise BenchError(f"the rehearsal {system} did not start (see its message above)")
    return line.split()[1]


def issues(jira: str, fields: str = "customfield_10050") -> Iterator[dict[str, Any]]:
    """Every issue of a rehearsal Jira, with these fields (comma between), from its control endpoint."""
    with (
        httpx.Client(trust_env=False, timeout=_STARTS_WITHIN) as http,
        http.stream("GET", f"{jira}/_rehearsal/issues", params={"fields": fields}) as answer,
    ):
        for line in answer.iter_lines():
            if line:
                yield orjson.loads(line)


def prove_each_once(jira: str, records: int) -> None:
    """Every incident arrived, exactly once, under an external id of its own. Raises BenchError otherwise."""
    count = 0
    xids: set[str] = set()
    numbers: set[str] = set()
    for issue in issues(jira):
        count += 1
        xids.add(issue["properties"]["cutover"]["x"])
        numbers.add(issue["fields"]["customfield_10050"])
    expected = {f"INC{10001 + number:07d}" for number in range(records)}
    if not (count == len(xids) == records and numbers == expected):
        raise BenchError(
            f"{records} incidents became {count} issues with {len(xids)} external ids and {len(numbers)} numbers"
        )
