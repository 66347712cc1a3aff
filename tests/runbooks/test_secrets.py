"""Secrets: named in the file, read when an engine starts, never shown."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runbooks.errors import LoadError
from runbooks.loader import load
from tests.runbooks.folder import MIGRATION, change, fresh, line_of, problems

ENVIRON = {"JIRA_USER": "anna", "JIRA_TOKEN": "s3cret"}
TOKEN = "      password: ${env:JIRA_TOKEN}"


def unresolved(folder: Path, environ: dict[str, str]) -> list[str]:
    migration = load(folder)
    with pytest.raises(LoadError) as caught:
        migration.resolve_secrets("jira", environ)
    return [str(each).removeprefix(f"{folder}/") for each in caught.value.problems]


def test_loading_needs_no_secret_and_resolving_fills_them_in(tmp_path: Path) -> None:
    access = load(fresh(tmp_path)).resolve_secrets("jira", ENVIRON)
    assert access.url == "http://127.0.0.1:8802"
    assert access.auth == {"kind": "basic", "user": "anna", "password": "s3cret"}


def test_no_repr_shows_a_secret(tmp_path: Path) -> None:
    folder = fresh(tmp_path)
    change(folder, MIGRATION, "http://127.0.0.1:8802", "http://x/${env:JIRA_TOKEN}")
    migration = load(folder)
    access = migration.resolve_secrets("jira", ENVIRON)
    assert access.url == "http://x/s3cret"
    assert "s3cret" not in repr(access) + repr(migration) and "anna" not in repr(access)


def test_every_variable_that_is_not_set_is_told_with_where_it_is_asked_for(tmp_path: Path) -> None:
    folder = fresh(tmp_path)
    user, token = line_of(folder, MIGRATION, "env:JIRA_USER"), line_of(folder, MIGRATION, "env:JIRA_TOKEN")
    assert unresolved(folder, {"JIRA_TOKEN": ""}) == [
        f"{MIGRATION}:{user}:13: ${{env:JIRA_USER}}: the environment variable JIRA_USER is not set; "
        "set it where the engine is started",
        f"{MIGRATION}:{token}:17: ${{env:JIRA_TOKEN}}: the environment variable JIRA_TOKEN is set but empty",
    ]


def test_a_file_in_the_folder_may_hold_a_secret_with_a_newline_at_its_end(tmp_path: Path) -> None:
    folder = fresh(tmp_path)
    change(folder, MIGRATION, TOKEN, "      password: ${file:secrets/jira}")
    (folder / "secrets").mkdir()
    secret = folder / "secrets/jira"
    secret.write_text(" s3cret \n")
    secret.chmod(0o600)
    migration = load(folder)
    assert migration.resolve_secrets("jira", ENVIRON).auth["password"] == " s3cret "
    assert migration.warnings == ()


def test_a_secret_file_that_others_may_open_is_warned_about(tmp_path: Path) -> None:
    folder = fresh(tmp_path)
    change(folder, MIGRATION, TOKEN, "      password: ${file:jira}")
    (folder / "jira").write_text("s3cret")
    (folder / "jira").chmod(0o640)
    (warning,) = load(folder).warnings
    assert "mode 0640" in warning.text and "chmod 600" in warning.text
    assert warning.line == line_of(folder, MIGRATION, "${file:jira}")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "the file cannot be read: No such file"),
        (b"\n", "the file is empty"),
        (b"\xff\xfe", "not UTF-8"),
        (b"x" * 70_000, "larger than"),
    ],
)
def test_a_secret_file_that_holds_none_is_told(tmp_path: Path, content: bytes | None, told: str) -> None:
    folder = fresh(tmp_path)
    change(folder, MIGRATION, TOKEN, "      password: ${file:jira}")
    if content is not None:
        (folder / "jira").write_bytes(content)
    assert told in unresolved(folder, ENVIRON)[0]


def test_a_pipe_is_no_secret_file_and_nobody_waits_for_it(tmp_path: Path) -> None:
    folder = fresh(tmp_path)
    change(folder, MIGRATION, TOKEN, "      password: ${file:jira}")
    os.mkfifo(folder / "jira")
    assert "not a regular file" in unresolved(folder, ENVIRON)[0]


@pytest.mark.parametrize("key", ["password", "token", "client_secret", "api-key", "passphrase"])
def test_a_secret_in_the_file_is_refused_and_not_repeated(tmp_path: Path, key: str) -> None:
    folder = fresh(tmp_path)
    change(folder, MIGRATION, TOKEN, f"      {key}: hunter2")
    (told,) = problems(folder)
    assert f"a secret stands in the file under '{key}'; write ${{env:NAME}} or ${{file:path}} instead" in told
    assert "hunter2" not in told


@pytest.mark.parametrize("written", ["hunter2: x", "!hunter2", "*hunter2", "07734", "{hunter2: 1}", "'hunter2", "7734"])
def test_a_secret_that_trips_the_reader_is_not_repeated_either(tmp_path: Path, written: str) -> None:
    folder = fresh(tmp_path)
    change(folder, MIGRATION, TOKEN, f"      password: {written}")
    told = "\n".join(problems(folder))
    assert "hunter2" not in told and "7734" not in told


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (TOKEN, "      password: ${vault:x}", "this is no reference; expected ${env:NAME} or ${file:path}"),
        (TOKEN, "      password: ${env:}", "this is no reference"),
        (TOKEN, "      password: ${env:MY-VAR}", "'MY-VAR' is no name of an environment variable"),
        ("http://127.0.0.1:8802", "https://a:b@x.example", "a password stands in the URL"),
        ("playbooks:\n", "vault: 0011aabb\nplaybooks:\n", "expected ${env:NAME}, ${file:path} or keyring"),
        ("playbooks:\n", "vault: keyrin\nplaybooks:\n", "did you mean 'keyring'?"),
        ("playbooks:\n", "vault: ${vault:x}\nplaybooks:\n", "this is no reference"),
        ("    connector: jira", "    connector: jira\n    options: { a: [ '${env:X}' ] }", "in 'url' and 'auth' only"),
    ],
)
def test_a_reference_that_cannot_be_resolved_is_told_on_loading(tmp_path: Path, old: str, new: str, told: str) -> None:
    folder = fresh(tmp_path)
    change(folder, MIGRATION, old, new)
    (found,) = problems(folder)
    assert told in found


def test_keys_that_only_sound_like_secrets_are_left_alone(tmp_path: Path) -> None:
    folder = fresh(tmp_path)
    change(folder, MIGRATION, TOKEN, TOKEN + "\n      token_url: /oauth_token.do\n      client_id: abc")
    assert load(folder).systems["jira"].auth.values["token_url"] == "/oauth_token.do"
