"""Figures for monitoring, over a real port: off unless asked for, whole, and without keys or values."""

from __future__ import annotations

import http.client
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.wire import Receipt, Run
from tests.bench.engine_process import engine
from tests.cockpit.desk import Desk, desk, plain, until

LINE = re.compile(r'^([a-z_]+)(\{[a-z]+="[^"\n]*"(?:,[a-z]+="[^"\n]*")*\})? (-?[0-9.e+]+)$')


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def serving(folder: Path, port: int) -> Iterator[Desk]:
    rows = [row | ({"priority": "geheim"} if row["number"] == 3 else {}) for row in plain(40)]
    with desk(folder, rows) as it:
        file = folder / "migration.yaml"
        file.write_text(file.read_text() + f"metrics: {{ port: {port} }}\n")
        with engine(folder) as process:
            process.wait_until_up()
            yield it


def get(port: int, path: str) -> tuple[int, str]:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        line.request("GET", path)
        answer = line.getresponse()
        return answer.status, answer.read().decode()
    finally:
        line.close()


def figures(text: str) -> dict[str, float]:
    found = {}
    for line in text.splitlines():
        if not line.startswith("# "):
            said = LINE.match(line)
            assert said is not None, line
            found[said[1] + (said[2] or "")] = float(said[3])
    return found


def test_prometheus_reads_the_figures_of_a_run_and_no_word_of_a_record(tmp_path: Path) -> None:
    port = free_port()
    with serving(tmp_path, port) as it:
        it.client.post("/run", Receipt, Run(by="ana"))
        until(lambda: (status := it.status()) is not None and status.run_outcome == "done", "the run is done")
        status, text = get(port, "/metrics")
        assert status == 200
        seen = figures(text)
        assert seen['cutover_records{wave="pilot",entity="paper",bucket="synced"}'] == 19
        assert seen['cutover_records{wave="pilot",entity="paper",bucket="quarantined"}'] == 1
        assert seen["cutover_written_total"] == 39 and seen["cutover_running"] == 0
        assert seen['cutover_calls_total{system="right"}'] > 0
        assert seen['cutover_wave_state{wave="pilot",state="awaiting_sign_off"}'] == 1
        for name in ("geheim", "K003", "paper 3", "P003"):
            assert name not in text
        status, text = get(port, "/healthz")
        assert status == 200 and '"engine":"idle"' in text


def test_every_family_says_what_it_is(tmp_path: Path) -> None:
    port = free_port()
    with serving(tmp_path, port):
        _, text = get(port, "/metrics")
    lines = text.splitlines()
    families = {line.split()[2] for line in lines if line.startswith("# TYPE ")}
    assert families == {line.split()[2] for line in lines if line.startswith("# HELP ")}
    assert {name.partition("{")[0] for name in figures(text)} <= families


def test_nothing_can_be_steered_through_the_port(tmp_path: Path) -> None:
    port = free_port()
    with serving(tmp_path, port):
        for path in ("/status", "/live", "/run", "/stop", "/quarantine"):
            assert get(port, path)[0] == 404


def test_a_port_that_is_taken_is_said_and_the_engine_works_without(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, serving(tmp_path, taken.getsockname()[1]) as it:
        assert it.status() is not None
        assert "no metrics: port" in (tmp_path / "engine.out").read_text()


def test_a_wrong_port_is_refused_with_its_place(tmp_path: Path) -> None:
    with desk(tmp_path) as it:
        file = tmp_path / "migration.yaml"
        file.write_text(file.read_text() + "metrics: { port: 99999 }\n")
        typed = it.type("lint")
        assert typed.code != 0 and "migration.yaml:7" in typed.err + typed.out
