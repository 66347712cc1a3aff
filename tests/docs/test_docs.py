"""What the documents say is true: links resolve, commands exist, YAML loads, limits of length hold."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import typer.main
from ruamel.yaml import YAML

from cockpit.cli import app
from connectors.rehearsal.faults import KINDS
from engine.mapping import compile_entity
from runbooks.base import Model
from runbooks.defects import Defect
from runbooks.library import init
from runbooks.loader import load
from runbooks.migration import Limits, Migration, MigrationFile, System, Window
from runbooks.playbook import Child, EntityPair, Playbook, SourceSide, Wave
from runbooks.rules import AnyRule

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("runbooks/library/*/*.md")], key=lambda path: str(path)
)
NAMES = [str(path.relative_to(ROOT)) for path in DOCUMENTS]

LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TICKED = re.compile(r"`([^`\n]+)`")
COMMAND = re.compile(r"(?:^|\s)(?:\.venv/bin/)?cutover (.+)$")
FILE = re.compile(
    r"(?:[\w.\-]+/)*[\w\-]+\.(?:py|sql|toml|md|yaml)|(?:cockpit|engine|connectors|runbooks|tests|docs)/[\w/]*"
)


def text_of(name: str) -> str:
    return (ROOT / name).read_text()


# ---------------------------------------------------------------- links and names


@pytest.mark.parametrize("name", NAMES)
def test_links_between_documents_resolve(name: str) -> None:
    for link in LINK.findall(text_of(name)):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        there = (ROOT / name).parent / path if path else ROOT / name
        assert there.exists(), f"{name} links to {link}"
        if anchor:
            assert anchor in anchors(there.read_text()), f"{name} links to {link}, which has no such heading"


def anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_file_that_the_architecture_names_exists() -> None:
    named = {word for word in TICKED.findall(text_of("ARCHITECTURE.md")) if FILE.fullmatch(word)}
    assert len(named) > 60
    missing = sorted(word for word in named if not (ROOT / word).exists() and word != "migration.yaml")
    assert not missing


def test_the_architecture_fits_on_three_screens() -> None:
    assert len(text_of("ARCHITECTURE.md").splitlines()) <= 150


@pytest.mark.parametrize("path", sorted(ROOT.glob("docs/decisions/*.md")), ids=lambda path: path.stem)
def test_a_decision_is_one_page_with_context_decision_and_consequences(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 40
    number = re.match(r"# (\d+)\. ", text)
    assert number is not None and int(number[1]) == int(path.name[:4])
    assert "**Context.**" in text and "**Decision.**" in text and "**Consequences**" in text


def test_decisions_are_numbered_without_a_gap() -> None:
    numbers = [int(path.name[:4]) for path in sorted(ROOT.glob("docs/decisions/*.md"))]
    assert numbers == list(range(1, len(numbers) + 1))


# ---------------------------------------------------------------- commands


def commands(text: str) -> Iterator[str]:
    """What follows `cutover` in lines of code and in code inside sentences."""
    plain = FENCED.sub("", text)
    code = [line for _, body in FENCED.findall(text) for line in body.splitlines()]
    code += [line for line in plain.splitlines() if line.startswith("    ")]
    code += TICKED.findall(plain)
    for line in code:
        for part in re.split(r"&&|\\?\||;", line):
            if found := COMMAND.search(part.strip()):
                yield found[1]


def unknown(line: str) -> str:
    """What of a command line the program does not know; "" when it knows all of it."""
    words = [word for word in shlex.split(line, comments=True) if word != "..."]
    command: Any = typer.main.get_command(app)
    arguments: list[str] = []
    while words:
        word = words.pop(0)
        if not word.startswith("-"):
            if hasattr(command, "commands") and not arguments:
                if word not in command.commands:
                    return f"no verb {word}"
                command = command.commands[word]
            else:
                arguments.append(word)
            continue
        if word in ("-h", "--help") or command.context_settings.get("ignore_unknown_options"):
            continue
        option = next((each for each in command.params if word in (*each.opts, *each.secondary_opts)), None)
        if option is None:
            return f"{command.name} has no option {word}"
        if not option.is_flag and words:
            words.pop(0)
    takes = [each for each in command.params if each.param_type_name == "argument"]
    return f"{command.name} takes {len(takes)} words" if len(arguments) > len(takes) and takes else ""


@pytest.mark.parametrize("name", NAMES)
def test_every_command_that_is_shown_exists(name: str) -> None:
    wrong = {line: trouble for line in commands(text_of(name)) if (trouble := unknown(line))}
    assert not wrong


def test_the_tutorial_shows_commands_at_all() -> None:
    assert len(list(commands(text_of("docs/tutorial.md")))) > 10
    assert unknown("runn") and unknown("run --wafe x") and unknown("quarantine retri")


# ---------------------------------------------------------------- YAML

SECTIONS = {"source", "target", "label", "status", "children", "references", "existing", "rollback", "defects"}


def snippets(name: str) -> list[str]:
    return [body for language, body in FENCED.findall(text_of(name)) if language == "yaml"]


def with_snippet(folder: Path, snippet: str) -> Migration:
    """The template with this snippet in its place: a whole file, a system, parts of an entity, waves, or fields."""
    init("servicenow-to-jira", folder)
    yaml = YAML()
    files = {"migration": folder / "migration.yaml", "playbook": folder / "playbooks" / "incidents.yaml"}
    said = yaml.load(snippet)
    if "phases" in said:
        (folder / "runbook.yaml").write_text(snippet)
        return load(folder)
    if set(said) & {"playbook", "waves"}:  # whose waves the runbook does not know
        files["migration"].write_text(files["migration"].read_text().replace("runbook: runbook.yaml", ""))
    for kind, path in files.items():
        if kind in said:
            path.write_text(snippet)
            return load(folder)
    kind = "migration" if any("connector" in each for each in said.values() if isinstance(each, dict)) else "playbook"
    document = yaml.load(files[kind])
    if kind == "migration":
        document["systems"].update(said)
    elif set(said) <= SECTIONS:
        document["entities"][0].update(said)
    elif {"waves", "rules"} & set(said):
        document.update(said)
    else:
        document["entities"][0]["fields"].update(said)
    yaml.dump(document, files[kind])
    return load(folder)


@pytest.mark.parametrize(
    ("name", "number"),
    [(name, number) for name in NAMES for number, _ in enumerate(snippets(name))],
    ids=lambda value: str(value),
)
def test_yaml_that_is_shown_loads_and_compiles(name: str, number: int, tmp_path: Path) -> None:
    migration = with_snippet(tmp_path / "migration", snippets(name)[number])
    for book in migration.playbooks:
        for pair in book.entities:
            compile_entity(pair, where=str, secret=b"secret")


def test_the_reference_shows_every_key_of_every_rule() -> None:
    shown = "\n".join(snippets("docs/reference/playbook.md"))
    keys = {key for rule in get_args(AnyRule) for key in rule.known_keys()}
    assert not {key for key in keys if not re.search(rf"\b{key}:", shown)}


@pytest.mark.parametrize("model", [System, Limits, Window, MigrationFile], ids=lambda model: model.__name__)
def test_the_reference_names_every_key_of_a_migration(model: type[Model]) -> None:
    text = text_of("docs/reference/migration.md")
    assert not {key for key in model.known_keys() if not re.search(rf"\b{key}(:|`)", text)}


@pytest.mark.parametrize(
    "model", [Playbook, EntityPair, SourceSide, Child, Wave, Defect], ids=lambda model: model.__name__
)
def test_the_reference_shows_every_key_of_a_playbook(model: type[Model]) -> None:
    shown = "\n".join(snippets("docs/reference/playbook.md"))
    assert not {key for key in model.known_keys() if not re.search(rf"\b{key}:", shown)}


# ---------------------------------------------------------------- the socket


def test_the_reference_names_every_request_of_the_socket() -> None:
    served = set(re.findall(r'route\("(/\w+)", "(\w+)"', text_of("engine/control.py")))
    told = set(re.findall(r"`(GET|POST) (/\w+)", text_of("docs/reference/socket.md")))
    assert served == {(path, method) for method, path in told}


@pytest.mark.parametrize("name", NAMES)
def test_every_request_that_is_shown_is_served(name: str) -> None:
    served = set(re.findall(r'route\("(/\w+)", "\w+"', text_of("engine/control.py")))
    served |= set(re.findall(r'Route\("(/_rehearsal/\w+)"', text_of("connectors/rehearsal/base.py")))
    shown = set(re.findall(r"http://(?:engine|127\.0\.0\.1:\d+)(/\w+(?:/\w+)?)", text_of(name)))
    assert shown <= served


def test_every_fault_that_a_rehearsal_system_knows_is_told() -> None:
    told = set(TICKED.findall(text_of("docs/how-to/rehearse-a-bad-night.md")))
    assert set(KINDS) <= told
