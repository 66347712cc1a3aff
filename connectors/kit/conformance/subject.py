"""What a connector's author tells the suite about the system behind the connector."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from connectors.kit.contract import Answer, Connector, Fields, Ports, Write


class WallClock:
    """The machine's own time."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def random(self) -> float:
        return random.random()


class OpenPacer:
    """Lets every call through, and counts turns taken and given back."""

    def __init__(self) -> None:
        self.turns = 0
        self.answers: list[Answer] = []

    async def turn(self, scope: str) -> None:
        self.turns += 1

    def done(self, answer: Answer) -> None:
        self.answers.append(answer)


class Subject:
    """A connector under test and its system. Override what applies; leave the rest, and its checks do not apply."""

    # the source side
    entity = ""  # the entity to read
    keys: frozenset[str] = frozenset()  # all of its records; 10 at least, 60 are plenty
    narrow = ""  # a filter that lets through ...
    narrowed: frozenset[str] = frozenset()  # ... these records
    nothing = ""  # a filter that lets through none
    broken_filters: tuple[str, ...] = ()  # filters that the system cannot read
    names: tuple[str, ...] = ()  # a few fields that every record has
    child = ""  # an entity whose records hang on those of `entity`
    children: Mapping[str, Sequence[str]] = {}  # parent -> keys, oldest first
    attachment = ""  # an entity with bytes
    contents: Mapping[str, Mapping[str, bytes]] = {}  # parent -> {attachment key: bytes}
    people: Mapping[str, str] = {}  # id -> e-mail

    # the target side
    target_entity = ""  # the entity to write
    statuses: tuple[str, ...] = ()  # statuses to walk through, in this order
    no_status = ""  # a status that no record can reach
    accounts: Mapping[str, str] = {}  # e-mail -> id
    hidden: frozenset[str] = frozenset()  # fields that any write may change (stamps, counters)
    gone = ""  # the id of a record that is not there

    secret = ""  # part of each value that write() and bad_write() send, and of the seeded records

    def __init__(self) -> None:
        self.pacer = OpenPacer()
        self.ports = Ports(WallClock(), self.pacer)

    def order(self, key: str) -> Any:
        """What the system sorts this key by."""
        return key

    async def connect(self) -> Connector:
        """A fresh connector over `self.ports`."""
        raise NotImplementedError

    async def wait(self, seconds: float) -> None:
        """Let this time pass, for the system too."""
        await self.ports.clock.sleep(seconds)

    # ------------------------------------------------------------ knobs of a source

    async def edit(self, key: str) -> None:
        """Change a record, as a user would."""
        raise NotImplementedError

    async def insert(self) -> str:
        """Add a record of `entity`, as a user would; its key."""
        raise NotImplementedError

    async def remove(self, key: str) -> None:
        """Remove a record, as a user would."""
        raise NotImplementedError

    async def fail_read(self) -> None:
        """The next reading call is not answered."""
        raise NotImplementedError

    async def cut_content(self) -> None:
        """The next stream of bytes ends early."""
        raise NotImplementedError

    # ------------------------------------------------------------ knobs of a target

    def write(self, number: int) -> Write:
        """A record that the system takes; each number with its own xid, of at least 8 characters."""
        raise NotImplementedError

    def bad_write(self, number: int) -> Write:
        """A record that the system refuses."""
        raise NotImplementedError

    def change(self) -> Fields:
        """Fields that differ from those of any `write`."""
        raise NotImplementedError

    def child_write(self, number: int, parent: str) -> tuple[str, Write]:
        """An entity, and a record of it that hangs on `parent`."""
        raise NotImplementedError

    def attachment_write(self, number: int, parent: str, data: bytes) -> tuple[str, Write]:
        """An entity with bytes, and a record of it that hangs on `parent` and streams `data`."""
        raise NotImplementedError

    def known_by(self, word: str) -> tuple[str, Fields]:
        """A field that records can be looked up by, and the fields of a write that has this word in it."""
        raise NotImplementedError

    async def seen(self, target: str) -> Fields | None:
        """The record of `target_entity` as the system holds it, by the names that writes use; None when gone."""
        raise NotImplementedError

    async def stored(self, entity: str, target: str) -> bytes:
        """The bytes of an attachment as the system holds them."""
        raise NotImplementedError

    async def copies(self, entity: str, xid: str) -> int:
        """How many records of the system carry this external id."""
        raise NotImplementedError

    def kinds(self) -> list[Write]:
        """Records that between them fill every kind of field a playbook may write; xids of their own."""
        raise NotImplementedError

    def restorable(self, write: Write) -> Fields:
        """The fields of a write that an update may change."""
        return write.fields

    def emptied(self, write: Write) -> Fields:
        """The fields of a write that may be empty, as None."""
        return dict.fromkeys(self.restorable(write))

    async def touch(self, target: str) -> str:
        """A person changes a field of this record that `write` fills; the account's name, as `Touch.by` tells it."""
        raise NotImplementedError

    async def touch_child(self, target: str) -> str:
        """A person hangs a record of the kind that `child_write` makes on this record; the account's name."""
        raise NotImplementedError

    async def lose_answer(self) -> None:
        """The next create is applied, and its answer is lost."""
        raise NotImplementedError

    async def lose_request(self) -> None:
        """The next create is lost before it is applied."""
        raise NotImplementedError

    async def deny(self) -> None:
        """The account may no longer create records of `target_entity`."""
        raise NotImplementedError
