"""Migration folders for the engine under measurement: the same mapping as the plain scripts'."""

from __future__ import annotations

from pathlib import Path

from tests.bench.script import JIRA, SERVICENOW

ENVIRONMENT = {"BENCH_SERVICENOW": SERVICENOW[1], "BENCH_JIRA": JIRA[1]}
STORE = "incidents"  # the memory store that the engine alone reads
WAVE = "all"

_PLAYBOOK = """\
playbook: bench
entities:
  - entity: incident
    source: { system: source, entity: incident }
    target: { system: target, entity: issue }
    fields:
      project: { constant: DESK }
      issuetype: { constant: Task }
      summary: short_description
      description: { from: description, rich_text: { from: plain, to: adf } }
      priority:
        from: priority
        map: { "1": Highest, "2": High, "3": Medium, "4": Low, "5": Lowest }
        else: Low
      labels: { constant: [migrated] }
      customfield_10050: number
waves:
  - wave: all
    filters: { incident: "" }
    chunk: 1000
    workers: 4
"""

_OVER_HTTP = """\
migration: bench
systems:
  source:
    connector: servicenow
    url: {servicenow}
    auth: {{ kind: basic, user: {servicenow_user}, password: "${{env:BENCH_SERVICENOW}}" }}
    limits: {{ concurrency: 16 }}
    options: {{ settle: 1 }} # the rehearsal system shows a change at once
  target:
    connector: jira
    url: {jira}
    auth: {{ kind: basic, user: {jira_user}, password: "${{env:BENCH_JIRA}}" }}
    limits: {{ concurrency: 16 }}
playbooks: [bench.yaml]
"""

_IN_MEMORY = """\
migration: bench
systems:
  source:
    connector: memory
    url: memory:{store}
    options: {{ page: 1000 }}
  target:
    connector: memory
    url: memory:target
    options: {{ keep: false, creates: {creates} }}
playbooks: [bench.yaml]
"""


def over_http(folder: Path, servicenow: str, jira: str) -> Path:
    """From a rehearsal ServiceNow to a rehearsal Jira. Its engine needs ENVIRONMENT."""
    users = {"servicenow_user": SERVICENOW[0], "jira_user": JIRA[0]}
    migration = _OVER_HTTP.format(servicenow=servicenow, jira=jira, **users)
    return _write(folder, migration, prove="none")  # the scripts beside it compare nothing either


def in_memory(folder: Path, creates: str) -> Path:
    """From a generated store to one that counts and throws away. `creates`: what that target declares."""
    migration = _IN_MEMORY.format(store=STORE, creates=creates)
    return _write(folder, migration, prove="none")  # there is nothing to read back


def _write(folder: Path, migration: str, prove: str = "all") -> Path:
    folder.mkdir(parents=True)
    (folder / "migration.yaml").write_text(migration)
    (folder / "bench.yaml").write_text(f"{_PLAYBOOK}    prove: {prove}\n")
    return folder
