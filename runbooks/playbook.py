"""A playbook: what moves and how. Its content hash is its version."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from runbooks.base import Items, Model, Name, Text, digest, wrong
from runbooks.defects import Defect
from runbooks.rules import Rule
from runbooks.validation import ValidationRule

Fields = dict[Annotated[str, Field(min_length=1)], Rule]
"""Target field: the rule that makes it."""


class SourceSide(Model):
    """Where the records come from."""

    system: Name
    """A system of migration.yaml."""
    entity: Text
    """The connector's word for the records (a table, an issue type)."""
    filter: str = ""
    """In the source's own query language; holds in every wave, beside the wave's own filter."""


class TargetSide(Model):
    """Where the records go."""

    system: Name
    """A system of migration.yaml."""
    entity: Text
    """The connector's word for the records."""


class StatusRule(Model):
    """The status to reach, by the target workflow's own steps: a rule, and what a step may require."""

    rule: Rule
    """The rule that makes the status' name; its keys stand beside `fields`."""
    fields: Fields = Field(default_factory=dict)
    """Fields that a step on the way may require (a resolution, say)."""

    @model_validator(mode="before")
    @classmethod
    def _split(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return {"rule": data}
        rule = {key: value for key, value in data.items() if key != "fields"}
        return {"rule": rule, "fields": data["fields"]} if "fields" in data else {"rule": rule}


class Child(Model):
    """Records that hang on a record and move with it: comments, attachments."""

    entity: Text
    """The source connector's word for them."""
    target: Text
    """The target connector's word for them."""
    name: Name | None = None
    """What people call them; without it, `entity`."""
    body: Rule | None = None
    """The rule that makes the text of a comment."""
    fields: Fields = Field(default_factory=dict)
    """Further target fields."""

    @property
    def label(self) -> str:
        """What people call them."""
        return self.name or self.entity

    @model_validator(mode="after")
    def _body_once(self) -> Self:
        if self.body is not None and "body" in self.fields:
            raise wrong("the body is given twice; keep 'body', or 'body' under 'fields'", "body")
        return self


class Reference(Model):
    """A tie to a record of another entity, made on the second pass, when both sides exist."""

    from_: Text = Field(alias="from")
    """The source field that holds the other record's key."""
    to: Name
    """The entity that moves the other record."""
    link: Text | None = None
    """The type of link to make at the target."""
    field: Text | None = None
    """Or: the target field that takes the other record's id."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.link is None) == (self.field is None):
            given = "neither is given" if self.link is None else "both are given"
            raise wrong(f"a reference becomes a 'link' or a 'field', and {given}; give one")
        return self


class RollbackRule(Model):
    """What stands for removal where the target deletes no records of this kind."""

    status: Text
    """The status to bring them to, as people there call it."""


class ExistingRule(Model):
    """How a record that was at the target before is known, so that it is updated instead of created."""

    elsewhere: ClassVar[dict[str, str]] = {
        "field": "say 'match: TARGET_FIELD' and 'by: SOURCE_FIELD'",
        "from": "the source field is named by 'by'",
        "target": "the target field is named by 'match'",
        "source": "the source field is named by 'by'",
    }

    match: Text
    """The target field to look records up by; it has at most one record for each value."""
    by: Text
    """The source field that holds the same value; where it is empty, a record is created."""


class EntityPair(Model):
    """One kind of record: where it comes from, where it goes, how each field is made."""

    elsewhere: ClassVar[dict[str, str]] = {
        "filter": "'filter' goes under 'source', or under a wave's 'filters'",
        "mapping": "the rules go under 'fields'",
    }

    entity: Name
    """What this migration calls these records: once in a migration."""
    source: SourceSide
    """Where they come from."""
    target: TargetSide
    """Where they go."""
    label: str = ""
    """The source field people know a record by (a ticket number); without it, the key."""
    fields: Fields = Field(min_length=1)
    """Target field: the rule that makes it."""
    status: StatusRule | None = None
    """The status to reach; never written as a field."""
    defects: Items[Defect] = ()
    """Known defects of the source's data; what is put in their place is what the rules see."""
    children: Items[Child] = ()
    """What hangs on a record and moves with it."""
    references: Items[Reference] = ()
    """Ties to other records."""
    existing: ExistingRule | None = None
    """Which records are at the target before: they are updated, and a rollback puts them back as they were."""
    rollback: RollbackRule | None = None
    """What a rollback does where the target deletes nothing."""


Prove = Literal["all", "sample", "none"]
"""How much of what a wave wrote is compared on both sides before it counts as loaded."""


class Wave(Model):
    """What moves together: the unit of approval, sign-off, re-run and rollback."""

    wave: Name
    """Its name: once in a migration."""
    about: str = ""
    """What it is, in words."""
    after: Items[Name] = ()
    """Waves that must be loaded first."""
    filters: dict[Name, str] = Field(min_length=1)
    """Entity: filter in the source's own query language; "" takes all. An entity that is not named stays out."""
    chunk: Annotated[int, Field(ge=1, le=10_000)] = 500
    """Records that are retried together."""
    workers: Annotated[int, Field(ge=1, le=64)] = 4
    """Chunks that are worked on at a time."""
    prove: Prove = "all"
    """What is compared on both sides at the end: all that was written, a sample of it, or nothing."""


class Playbook(Model):
    """What moves and how."""

    playbook: Name
    """Its name: once in a migration."""
    entities: Items[EntityPair] = Field(min_length=1)
    """The kinds of records."""
    waves: Items[Wave] = Field(min_length=1)
    """What moves together, and in which order."""
    rules: Items[ValidationRule] = ()
    """What must be true of every wave."""

    @property
    def name(self) -> str:
        """The playbook's name."""
        return self.playbook

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what the playbook means; comments, layout, order of keys and written-out defaults are no part."""
        return digest(self)

    @property
    def version(self) -> str:
        """What people see of the digest."""
        return self.digest[:12]
