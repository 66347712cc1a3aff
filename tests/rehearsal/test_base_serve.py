"""The rehearsal systems as a process of their own."""

from __future__ import annotations

import json
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import httpx

SERVE = [sys.executable, "-m", "connectors.rehearsal.serve"]


def test_both_systems_start_over_tls_with_faults_and_end_on_sigterm(tmp_path: Path) -> None:
    faults = tmp_path / "faults.json"
    faults.write_text(json.dumps([{"match": "GET /api/now/table/incident", "kind": "status_before", "times": 1}]))
    command = [*SERVE, "--servicenow", "0", "--jira", "0", "--records", "5", "--seed", "4", "--tls",
               "--faults", str(faults), "--state", str(tmp_path)]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(3)]
        assert [line.partition(":")[0] for line in lines] == ["certificate", "servicenow", "jira"]
        servicenow, jira = (line.split()[1] for line in lines[1:])
        trust = ssl.create_default_context(cafile=lines[0].split()[1])
        with httpx.Client(verify=trust, auth=("cutover", "rehearsal")) as client:
            url = f"{servicenow}/api/now/table/incident"
            assert [client.get(url).status_code for _ in range(2)] == [503, 200]
            assert client.get(f"{jira}/_rehearsal/health").json()["system"] == "jira"
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_what_keeps_it_from_starting_is_said_on_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        command = [*SERVE, "--servicenow", str(taken.getsockname()[1]), "--records", "1"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, "in use" in done.stderr) == (1, True)
    faults = tmp_path / "faults.json"
    faults.write_text('[{"kind": "nonsense"}]')
    command = [*SERVE, "--servicenow", "0", "--records", "1", "--faults", str(faults)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "unknown fault kind" in done.stderr
