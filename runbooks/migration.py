"""`migration.yaml`: which systems, who, when, and which playbooks; and the migration that is loaded from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, ConfigDict, Field, JsonValue, model_validator

from runbooks import secrets
from runbooks.base import Items, Model, Name, Text, Zone, wrong
from runbooks.document import Document, Loc
from runbooks.errors import Problem
from runbooks.playbook import Playbook
from runbooks.runbook import Runbook

FILE = "migration.yaml"

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def _share(value: Any) -> Any:
    """A percentage as a share: '50%' is 0.5."""
    number = value[:-1].strip() if isinstance(value, str) and value.endswith("%") else ""
    if not number.replace(".", "", 1).isdecimal() or not 0 <= float(number) <= 95:
        raise wrong("expected a percentage from 0% to 95%, such as 50%")
    return float(number) / 100


def _stamp(value: Any) -> Any:
    """A moment on the clock on the wall: no zone, that stands in `zone`."""
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise wrong("expected a date and a time, such as 2026-11-21 20:00") from None
    if moment.tzinfo is not None:
        raise wrong("expected a time without an offset, such as 2026-11-21 20:00; the zone stands in 'zone'")
    return moment


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


class Auth(Model):
    """How to sign in. Secrets are references: ${env:NAME} or ${file:path}."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, str] = Field(init=False)

    kind: Name = "none"
    """none, basic (user, password), bearer (token), api_key (key, header), oauth2, or a word of the connector's own."""

    @property
    def values(self) -> dict[str, str]:
        """Everything beside the kind, references not resolved."""
        return dict(self.__pydantic_extra__)


class Limits(Model):
    """What the system may be asked for. What it declares itself is obeyed in any case."""

    concurrency: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Calls at once, at most."""
    live_share: Annotated[float, BeforeValidator(_share, json_schema_input_type=str)] | None = None
    """How much of a known rate limit is left to the people who work there: a percentage, such as 50%."""
    requests_per_second: Positive | None = None
    """Calls a second, at most."""
    requests_per_hour: Positive | None = None
    """Calls an hour, at most."""
    retry_wait: Positive | None = None
    """Seconds that one call may wait for a busy system before its wave waits instead."""


class System(Model):
    """A named connection."""

    elsewhere: ClassVar[dict[str, str]] = {
        **{key: f"'{key}' goes under 'auth'" for key in ("kind", "user", "password", "token", "key")},
        **{key: f"'{key}' goes under 'limits'" for key in Limits.model_fields},
    }

    connector: Name
    """Which connector speaks to it: servicenow, jira, file, memory, or one of your own."""
    url: Text
    """Where it is. ${env:NAME} and ${file:path} may stand in it."""
    auth: Auth = Field(default=Auth(), repr=False)
    """How to sign in."""
    limits: Limits = Field(default_factory=Limits)
    """What it may be asked for."""
    options: dict[str, JsonValue] = Field(default_factory=dict)
    """The connector's own settings."""


class Window(Model):
    """A span of time in which calls may start."""

    from_: Annotated[datetime, BeforeValidator(_stamp, json_schema_input_type=str)] = Field(alias="from")
    """When it opens: 2026-11-21 20:00."""
    until: Annotated[datetime, BeforeValidator(_stamp, json_schema_input_type=str)]
    """When it closes."""
    zone: Zone = "UTC"
    """The time zone of both."""

    # An hour that the clock shows twice counts so that the window is never wider than meant.
    @cached_property
    def opens(self) -> datetime:
        """When it opens, in UTC."""
        return self.from_.replace(tzinfo=ZoneInfo(self.zone), fold=1).astimezone(UTC)

    @cached_property
    def closes(self) -> datetime:
        """When it closes, in UTC."""
        return self.until.replace(tzinfo=ZoneInfo(self.zone), fold=0).astimezone(UTC)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for key, wall, moment in (("from", self.from_, self.opens), ("until", self.until, self.closes)):
            if moment.astimezone(ZoneInfo(self.zone)).replace(tzinfo=None, fold=0) != wall:
                raise wrong(f"{wall:%Y-%m-%d %H:%M} is skipped by the clocks of {self.zone}; take another time", key)
        if self.opens >= self.closes:
            raise wrong("the window closes before it opens; 'until' must be later than 'from'", "until")
        return self


class Metrics(Model):
    """Figures for monitoring, on a TCP port: `/metrics` for Prometheus and `/healthz`. Nothing can be steered there."""

    port: Annotated[int, Field(ge=1, le=65535)]
    """The port."""
    host: Text = "127.0.0.1"
    """The address to listen on; without it, this machine alone can ask."""


class MigrationFile(Model):
    """Which systems, who, when, and what moves."""

    migration: Name
    """Its name."""
    systems: dict[Name, System] = Field(min_length=1)
    """The systems, by the names playbooks call them."""
    window: Annotated[Items[Window], BeforeValidator(_listed, json_schema_input_type=Window | list[Window])] = ()
    """When calls may start: one span or a list of them; without it, always."""
    people: dict[Name, Text] = Field(default_factory=dict)
    """Who answers for what: a role (owner, approver), and a name or an e-mail address."""
    playbooks: Items[Text] = Field(min_length=1)
    """The files that say what moves, relative to this folder."""
    runbook: Text | None = None
    """The file that says who does what when, relative to this folder."""
    vault: Text | None = None
    """The key of the before-images: ${env:NAME}, ${file:path} or keyring; without it, one is made in the folder."""
    metrics: Metrics | None = None
    """Where monitoring may ask; without it, no port is opened."""


@dataclass(frozen=True, slots=True)
class Migration:
    """A folder that was loaded and checked: its systems and playbooks, and where each thing stood."""

    folder: Path
    name: str
    systems: Mapping[str, System]
    windows: tuple[Window, ...]
    people: Mapping[str, str]
    playbooks: tuple[Playbook, ...]
    warnings: tuple[Problem, ...]
    documents: Mapping[str, Document] = field(repr=False)  # by playbook; "" is migration.yaml
    runbook: Runbook | None = None
    runbook_file: Path | None = None
    metrics: Metrics | None = None
    vault: str | None = None

    def where(self, playbook: str, path: Loc = ()) -> str:
        """`file:line:column` of what stands at `path` in a playbook, or in migration.yaml when `playbook` is ""."""
        return self.documents[playbook].where(path)

    def resolve_secrets(self, system: str, environ: Mapping[str, str] | None = None) -> secrets.Access:
        """URL and auth of a system with every reference replaced. LoadError lists every one that cannot be."""
        asked = self.systems[system]
        values: dict[Loc, str] = {("systems", system, "url"): asked.url}
        for key, value in asked.auth.values.items():
            values["systems", system, "auth", key] = value
        url, *auth = secrets.resolve(values, self.documents[""], self.folder, environ)
        return secrets.Access(url, {"kind": asked.auth.kind, **dict(zip(asked.auth.values, auth, strict=True))})

    def resolve_vault(self, environ: Mapping[str, str] | None = None) -> str:
        """The text that `vault` refers to. LoadError says why it cannot be had."""
        values: dict[Loc, str] = {("vault",): self.vault or ""}
        return secrets.resolve(values, self.documents[""], self.folder, environ)[0]
