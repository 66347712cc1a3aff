"""No value of a record in anything that an engine writes: a needle in every field, and every file is searched."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from connectors.rehearsal.faults import Rule
from connectors.rehearsal.jira import JiraDouble
from connectors.rehearsal.servicenow import ServiceNowDouble
from tests.proof.night import ALL_AT_ONCE, Night, edit, night, until
from tests.proof.truth import rows

NEEDLE = "kolibri9"
WIDE = "колибри"  # as JSON it may be written in two ways
WORDS = f"{NEEDLE} {WIDE}"

CLUMSY = """
# A connector as somebody in a hurry writes it: its errors tell everything.
import asyncio, os, warnings
from pathlib import Path
from connectors.jira import connect as connect_jira

async def _fail(what):
    raise ValueError(f"cannot understand {what}")

def connect(connection, ports):
    jira = connect_jira(connection, ports)
    create, left = jira.create, []

    async def clumsy(entity, writes):
        if not Path(os.environ["CLUMSY_MENDED"]).exists():
            warnings.warn(f"odd record: {writes[0].fields}")
            left.append(asyncio.create_task(_fail(writes[0].fields)))  # nobody waits for it
            asyncio.get_running_loop().call_soon(lambda fields: 1 / 0, writes[0].fields)
            await asyncio.sleep(0.01)
            left.clear()
            raise ValueError(f"cannot understand {writes[0].fields}")
        return await create(entity, writes)

    jira.create = clumsy
    return jira
"""


def planted(servicenow: ServiceNowDouble, jira: JiraDouble) -> None:
    """A needle in every field that a record can carry through, and some that break a rule with it inside."""
    for n, row in enumerate(servicenow.rows("incident")):
        fields = {name: f"{WORDS} {n}\n{NEEDLE}-{name}" for name in ("short_description", "description", "close_notes")}
        fields |= {"number": f"INC{NEEDLE}{n}", "category": f"{NEEDLE}-{n}", "subcategory": NEEDLE}
        fields["short_description"] = fields["short_description"].replace("\n", " ")
        match n:
            case 1:
                fields["priority"] = f"{NEEDLE}!"  # the playbook knows no such value
            case 2:
                fields["state"] = f"{NEEDLE}?"
            case 3:
                fields["due_date"] = f"{NEEDLE}-13-45"
            case 4:
                fields["reassignment_count"] = f"{NEEDLE}"
            case 5:
                fields["subcategory"] = f"{WORDS} with spaces"  # Jira refuses such a label, and quotes it
            case 6:
                fields["short_description"] = NEEDLE * 60  # longer than Jira takes
        servicenow.write("update", "incident", sys_id=row["sys_id"], fields=fields, raw=True)
    for n, person in enumerate(servicenow.rows("sys_user")):
        if n % 3 == 0:
            fields = {"email": f"{NEEDLE}{n}@example.com", "name": f"{WORDS} {n}"}
            servicenow.write("update", "sys_user", sys_id=person["sys_id"], fields=fields, raw=True)
    for n, entry in enumerate(servicenow.rows("sys_journal_field")):
        fields = {"value": f"[code]<b>{WORDS}</b>[/code] {n}", "sys_created_by": f"{NEEDLE}.{n}"}
        servicenow.write("update", "sys_journal_field", sys_id=entry["sys_id"], fields=fields, raw=True)
    for n, file in enumerate(servicenow.rows("sys_attachment")):
        content = f"{WORDS} {n}".encode() * 40
        servicenow.keep(file["sys_id"], content)
        fields = {"file_name": f"{WORDS} {n}.txt", "size_bytes": str(len(content))}
        fields["hash"] = hashlib.sha256(content).hexdigest()
        servicenow.write("update", "sys_attachment", sys_id=file["sys_id"], fields=fields, raw=True)


def test_no_field_value_is_in_any_file_whatever_went_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mended = tmp_path / "mended"
    plug_in(tmp_path / "plugins", monkeypatch)
    monkeypatch.setenv("CLUMSY_MENDED", str(mended))
    with night(tmp_path, 40, waves=ALL_AT_ONCE, before=planted) as it:
        edit(it.folder / "migration.yaml", lambda doc: doc["systems"]["jira"].update(connector="clumsy"))
        edit(it.folder / "playbooks" / "incidents.yaml", label_with_the_subcategory)
        it.start()
        it.run()
        status = it.ended()
        assert status is not None
        assert "ValueError" in status.run_outcome, "the unforeseen error was not met"
        it.end()
        mended.touch()
        for double in (it.servicenow, it.jira):
            double.faults.add(*[Rule("", kind, None, 0.02) for kind in ("status_after", "html_200", "drop_after")])
        it.start()
        it.run()
        until(lambda: it.created() > 0, "something has moved", 40, it.story)
        it.kill()
        status = it.drive(patience=110)
        assert status is not None
        assert status.run_outcome == "done", status.waves
        titles = [str(issue["fields"]["summary"]) for issue in it.jira.issues()]
        assert all(NEEDLE in title for title in titles), "the needles were lost on the way, so they prove nothing"
        assert status.total.quarantined == 6, rows(it, "SELECT text FROM cause")
        assert found_in_files(it) == []


def test_a_crash_leaves_no_core(tmp_path: Path) -> None:
    with night(tmp_path, 1, waves=ALL_AT_ONCE) as it:
        limits = Path(f"/proc/{it.start().pid}/limits").read_text()
        (core,) = [line.split() for line in limits.splitlines() if line.startswith("Max core file size")]
        assert core[4:6] == ["0", "0"]


# ---------------------------------------------------------------- helpers


def plug_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a connector of somebody else's, as pip would."""
    about = folder / "clumsy-1.0.dist-info"
    about.mkdir(parents=True)
    (folder / "clumsy_connector.py").write_text(CLUMSY)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: clumsy\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[cutover.connectors]\nclumsy = clumsy_connector:connect\n")
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=":")


def label_with_the_subcategory(book: dict) -> None:  # type: ignore[type-arg]
    book["entities"][0]["fields"]["labels"]["list"].append({"template": "{subcategory}"})


def found_in_files(it: Night) -> list[str]:
    """Where a needle lies in the migration folder: as it is, as JSON escapes it, or in base64 or hex."""
    needles = {form for word in (NEEDLE, WIDE) for form in forms(word)}
    found = []
    for path in sorted(it.folder.rglob("*")):
        if path.is_file() and not path.is_socket():
            content = path.read_bytes().lower()
            for needle in needles:
                at = content.find(needle)
                if at >= 0:
                    found.append(f"{path.name} at {at}: {content[max(0, at - 200) : at + 60]!r}")
    return found


def forms(word: str) -> set[bytes]:
    raw = word.encode()
    coded = {base64.b64encode(b"\0" * shift + raw)[4 if shift else 0 : -4] for shift in range(3)}
    escaped = word.encode("unicode_escape")
    return {form.lower() for form in {raw, raw.hex().encode(), escaped, word.encode("utf-16-le"), *coded}}
