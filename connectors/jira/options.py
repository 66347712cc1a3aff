"""What a migration may say about a Jira system under `options`."""

from __future__ import annotations

from dataclasses import replace

from pydantic import BaseModel, ConfigDict, Field, field_validator

from connectors.kit.contract import Connection
from connectors.kit.options import read_options


class ExternalId(BaseModel):
    """Where a created issue carries our id."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    property: str = Field(
        default="cutover", min_length=1, max_length=255
    )  # an entity property; read strongly, not searchable
    label: bool = True  # cutover-<id>: what a search finds
    field: str = ""  # a custom field (customfield_N), where people want to see it


class Options(BaseModel):
    """Checked options. Times in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    external_id: ExternalId = Field(default_factory=ExternalId)
    projects: tuple[str, ...] = ()  # keys; empty: all that the account can see
    people: dict[str, str] = {}  # e-mail: accountId, where Jira hides e-mail addresses
    strong_reads: bool = True  # trust that a read by key sees every committed create
    late_commit: float = Field(default=10.0, ge=0)
    search_settle: float = Field(default=60.0, ge=0)
    window: int = Field(default=100, ge=1)  # so many missing keys in a row end a walk

    @field_validator("people")
    @classmethod
    def _lower(cls, people: dict[str, str]) -> dict[str, str]:
        return {email.lower(): account for email, account in people.items()}


# What the kit's HTTP layer reads for itself.
_HTTP = {"transport", "timeout", "connect_timeout", "verify", "ca_file", "proxy", "trust_env"} | {
    "attempts",
}


def options_of(connection: Connection) -> Options:
    """Misconfigured names each option that is unknown or has a wrong value."""
    own = {name: value for name, value in connection.options.items() if name not in _HTTP}
    return read_options(Options, replace(connection, options=own))
