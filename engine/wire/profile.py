"""What the source's data are like, before anything moves. Counts; values outside a map only for whom asks for them."""

from __future__ import annotations

from pydantic import Field

from engine.wire.base import WIRE_VERSION, Message


class Profile(Message):
    """Read the source and count what may go wrong. Writes nothing."""

    entity: str = ""  # empty: all
    wave: str = ""  # empty: all that the playbook's source filters let through, in a wave or not
    sample: int | None = Field(default=None, ge=1)  # records of each entity, from everywhere; None: all
    children: bool = True  # with what hangs on them: comments, attachments
    by: str


class ProfiledField(Message):
    """A source field that the playbook reads. Numbers of records."""

    field: str
    empty: int
    distinct: int  # values; an estimate (1.6 %) from 4,096 on
    exact: bool  # whether `distinct` is
    median: int  # characters, within 5 %
    longest: int  # characters
    replaced: int  # with a replacement character: some bytes were lost before
    nul: int  # with a NUL character
    mojibake: int  # that look like UTF-8 read as another encoding


class OutsideValue(Message):
    value: str  # its first character and its length (of one character: nothing), or, where asked for, the value
    records: int


class ProfiledMap(Message):
    """A rule that maps values: what it has no word for."""

    field: str  # at the source
    target: str
    otherwise: str  # what becomes of such a value: quarantine | keep | drop | another
    records: int
    values: list[OutsideValue]  # the most frequent


class ProfiledLength(Message):
    """A target field that takes so many characters."""

    target: str
    limit: int
    records: int  # that have more
    longest: int


class ProfiledTie(Message):
    """References of a kind."""

    tie: str
    to: str
    references: int
    looked_up: int
    orphans: int  # of those looked up: the other end is not there
    by: str  # scope: what this migration moves; source: whether it exists at all


class ProfiledFiles(Message):
    """Attachments as the source lists them; no byte of them is read. Sizes in bytes."""

    size: int  # of all
    largest: int
    unsized: int  # of which the source does not say it
    kinds: dict[str, int]  # the first half of their content type, where it is one that everybody uses; other; unknown


class ProfiledHanging(Message):
    """What hangs on records, by the record."""

    of: int  # records it was asked of
    bare: int  # that have none
    median: int  # on one record, those without counted
    most: int
    astray: int  # hang on none of the records that they were asked of
    empty: int  # their text, or their bytes, would be
    files: ProfiledFiles | None  # of attachments


class ProfiledEntity(Message):
    entity: str
    system: str
    records: int
    whole: bool  # all in scope were read
    twice: int  # records whose key came before
    label: str  # the field people know a record by
    same_label: int  # records whose label came before
    fields: list[ProfiledField]
    maps: list[ProfiledMap]
    lengths: list[ProfiledLength]
    ties: list[ProfiledTie]
    defects: dict[str, int]  # records that have a known defect
    refused: dict[str, int]  # records that the rules refuse, by cause; people are taken for known
    hanging: ProfiledHanging | None = None  # of what hangs on records; `entity` is then its name: incident/attachment


class ProfileReport(Message):
    """What goes on, and what the last profile said. It is kept in memory only."""

    version: int = WIRE_VERSION
    running: bool
    wave: str = ""
    done: int = 0  # records read
    planned: int = 0  # that it will read, as the source counted them
    seconds_left: float | None = None
    problem: str = ""  # why the last one ended early
    at: str = ""  # when it ended
    entities: list[ProfiledEntity]
