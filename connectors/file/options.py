"""What a folder of files can be told to be."""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

PEOPLE = "people"  # the entity that knows the addresses: id, email


class Layout(NamedTuple):
    """The names of the fields of one entity that mean something. "" for `version`: it has none."""

    key: str
    version: str
    parent: str
    content: str
    status: str


class EntityOptions(BaseModel):
    """What differs for one entity."""

    model_config = ConfigDict(extra="forbid")

    key: str | None = None
    version: str | None = None
    parent: str | None = None
    content: str | None = None
    status: str | None = None


class Options(BaseModel):
    """`systems.NAME.options` of a folder. Values are names of fields where not said."""

    model_config = ConfigDict(extra="forbid")

    key: str = Field(default="id", min_length=1)
    version: str = ""
    parent: str = "parent"  # of comments and attachments: the key of the record they hang on
    content: str = "content"  # of attachments: the path of their file inside the folder
    status: str = "status"
    delimiter: str = Field(default=",", min_length=1, max_length=1)  # of CSV
    format: Literal["jsonl", "csv"] = "jsonl"  # of files that are made
    entities: dict[str, EntityOptions] = Field(default_factory=dict)

    def layout(self, entity: str) -> Layout:
        own = self.entities.get(entity, EntityOptions(key="id") if entity == PEOPLE else EntityOptions())
        return Layout(*(self._of(own, name) for name in Layout._fields))

    def _of(self, own: EntityOptions, name: str) -> str:
        value = getattr(own, name)
        return str(getattr(self, name) if value is None else value)
