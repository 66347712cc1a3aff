"""The data that rehearsal systems start with. One seed gives one set, down to the last byte of an attachment."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import NamedTuple

from connectors.rehearsal.people import Person, people
from connectors.rehearsal.text import CLOSE_NOTES, Texts

STAMP = "%Y-%m-%d %H:%M:%S"
PRIORITIES = {(impact, urgency): str(impact + urgency - 1) for impact in (1, 2, 3) for urgency in (1, 2, 3)}
"""Priority by impact and urgency."""

_GROUPS = (
    "Service Desk",
    "Network",
    "Hardware",
    "Database",
    "Applications",
    "Security",
    "Поддръжка София",
    "現場サポート",
)
_LOCATIONS = (
    ("London", "EMEA"), ("Berlin", "EMEA"), ("София", "EMEA"), ("Cairo", "EMEA"), ("東京", "APAC"), ("Mumbai", "APAC"),
    ("Sydney", "APAC"), ("New York", "AMER"), ("São Paulo", "AMER"), ("Toronto", "AMER"),
)  # fmt: skip
_CATEGORIES = (
    ("inquiry", "antivirus"), ("software", "email"), ("hardware", "disk"), ("network", "vpn"),
    ("database", "sql server"), ("hardware", "monitor"), ("network", "wireless"), ("software", "os"),
)  # fmt: skip
_STATES = ("1", "1", "2", "2", "2", "3", "6", "6", "7", "7", "7", "7", "7", "7", "7", "8")
CLOSED = frozenset("678")
_CLOSE_CODES = (
    "Solution provided", "Duplicate", "Known error", "No resolution provided", "Resolved by caller", "User error",
    "Workaround provided",
)  # fmt: skip
_CONTACT = ("phone", "email", "self-service", "walk-in", "virtual_agent")
_FILES = (
    ("screenshot.png", "image/png"), ("крайна справка.txt", "text/plain"), ("log.txt", "text/plain"),
    ("レポート.pdf", "application/pdf"), ("größe & maß.csv", "text/csv"), ("empty.dat", "application/octet-stream"),
)  # fmt: skip


class Group(NamedTuple):
    sys_id: str
    name: str
    email: str
    manager: str  # a person's sys_id


class Location(NamedTuple):
    sys_id: str
    name: str
    region: str  # EMEA, APAC, AMER


class Incident(NamedTuple):
    """An incident as ServiceNow keeps it: strings only, references by sys_id, stamps in UTC. Names are its columns."""

    sys_id: str
    number: str
    short_description: str
    description: str
    state: str
    active: str
    impact: str
    urgency: str
    priority: str
    severity: str
    category: str
    subcategory: str
    contact_type: str
    caller_id: str
    opened_by: str
    assigned_to: str
    assignment_group: str
    location: str
    parent_incident: str
    opened_at: str
    resolved_at: str
    closed_at: str
    due_date: str
    close_code: str
    close_notes: str
    reassignment_count: str
    reopen_count: str
    sys_created_on: str
    sys_created_by: str
    sys_updated_on: str
    sys_updated_by: str
    sys_mod_count: str


class Entry(NamedTuple):
    """A comment or a work note of an incident."""

    sys_id: str
    incident: str
    element: str  # comments, work_notes
    value: str
    created_on: str
    created_by: str


class File(NamedTuple):
    """An attachment; its bytes come from `Dataset.content`."""

    sys_id: str
    incident: str
    file_name: str
    content_type: str
    size: int
    created_on: str
    created_by: str


class Dataset:
    """People, groups, places and `incidents` incidents that point to them and to one another.

    `plain`: no journals and no attachments (for benchmarks). `bad_priorities`: the share of incidents whose priority is
    no number. The last incident was created at `until`, the first about two years before.
    """

    def __init__(
        self,
        seed: int = 1,
        incidents: int = 500,
        *,
        plain: bool = False,
        bad_priorities: float = 0.01,
        until: datetime = datetime(2026, 11, 20, 8, tzinfo=UTC),
    ) -> None:
        if incidents < 0 or not 0 <= bad_priorities <= 1:
            raise ValueError("a data set has 0 or more incidents, and a rate of bad priorities between 0 and 1")
        self.seed = seed
        self.size = incidents
        self.plain = plain
        self.bad_priorities = bad_priorities
        self.until = until
        self.people: list[Person] = people(seed, 80)
        self.groups = [
            Group(self._id("group", n), name, f"group{n}@example.com", self.people[n * 7 % 80].sys_id)
            for n, name in enumerate(_GROUPS)
        ]
        self.locations = [Location(self._id("location", n), *place) for n, place in enumerate(_LOCATIONS)]

    @cached_property
    def texts(self) -> Texts:
        return Texts(self.seed)

    def _id(self, kind: str, number: int) -> str:
        return hashlib.md5(f"{kind}:{self.seed}:{number}".encode(), usedforsecurity=False).hexdigest()

    def incident_id(self, number: int) -> str:
        """The sys_id of the incident at `number` (0 ...)."""
        return self._id("incident", number)

    def incidents(self) -> Iterator[Incident]:
        """All incidents, oldest first; their values come from their own ids, so the count of them changes nothing."""
        texts, people, groups, locations = self.texts, self.people, self.groups, self.locations
        subjects, descriptions = texts.subjects, texts.descriptions
        bad = int(self.bad_priorities * 4096)
        gap = timedelta(days=730) / max(1, self.size)
        first = self.until - gap * max(0, self.size - 1)
        for number in range(self.size):
            sys_id = self._id("incident", number)
            chance = int(sys_id, 16)
            created = first + gap * number
            state = _STATES[chance & 15]
            done = state in CLOSED
            updated = min(created + timedelta(seconds=(chance >> 4 & 0xFFFFF) % 864_000), self.until)
            caller, agent = people[(chance >> 24 & 255) % 80], people[(chance >> 32 & 255) % 80]
            impact, urgency = 1 + (chance >> 40 & 7) % 3, 1 + (chance >> 43 & 7) % 3
            category, subcategory = _CATEGORIES[chance >> 46 & 7]
            priority = "P5" if (chance >> 49 & 4095) < bad else PRIORITIES[impact, urgency]
            born, changed = created.strftime(STAMP), updated.strftime(STAMP)
            yield Incident(
                sys_id,
                f"INC{10001 + number:07d}",
                subjects[(chance >> 61 & 1023) % len(subjects)],
                descriptions[(chance >> 71 & 1023) % len(descriptions)],
                state,
                "false" if done and state != "6" else "true",
                str(impact),
                str(urgency),
                priority,
                str(1 + (chance >> 81 & 7) % 3),
                category,
                subcategory,
                _CONTACT[(chance >> 84 & 7) % 5],
                caller.sys_id,
                caller.sys_id,
                "" if state == "1" and chance >> 87 & 1 else agent.sys_id,
                groups[(chance >> 88 & 15) % len(groups)].sys_id,
                locations[(chance >> 92 & 31) % len(locations)].sys_id,
                self._parent(number, chance >> 97 & 15),
                born,
                changed if done else "",
                changed if state in "78" else "",
                (created + timedelta(days=10)).strftime(STAMP) if chance >> 101 & 1 else "",
                _CLOSE_CODES[(chance >> 102 & 7) % 7] if done else "",
                CLOSE_NOTES[(chance >> 105 & 7) % 5] if done else "",
                str((chance >> 108 & 7) % 5),
                "1" if chance >> 111 & 15 == 0 else "0",
                born,
                caller.user_name,
                changed,
                agent.user_name,
                str(chance >> 115 & 15),
            )

    def _parent(self, number: int, chance: int) -> str:
        """Parents: pairs that point at each other, forward and backward references, most of the time none."""
        if number % 50 in (7, 8):
            other = number + 1 if number % 50 == 7 else number - 1
        elif chance == 0:
            other = number + 25
        elif chance == 1:
            other = number - 13
        else:
            return ""
        return self.incident_id(other) if 0 <= other < self.size else ""

    def entries(self, number: int, incident: Incident) -> list[Entry]:
        """The journal of the incident at `number`, oldest first; some entries share their second."""
        if self.plain:
            return []
        chance = int(self._id("entries", number), 16)
        start = datetime.strptime(incident.sys_created_on, STAMP)
        span = datetime.strptime(incident.sys_updated_on, STAMP) - start
        count = (0, 0, 1, 1, 2, 2, 3, 5)[chance & 7]
        made = []
        for place in range(count):
            chance >>= 12
            when = start + span * ((place - place % 2 if chance & 1 else place) / count)
            made.append(
                Entry(
                    self._id("entry", number * 16 + place),
                    incident.sys_id,
                    "comments" if chance & 2 else "work_notes",
                    self.texts.notes[(chance >> 2 & 1023) % len(self.texts.notes)],
                    when.strftime(STAMP),
                    self.people[(chance >> 2) % 80].user_name,
                )
            )
        return made

    def files(self, number: int, incident: Incident) -> list[File]:
        """The attachments of the incident at `number`: 0 bytes to a few KB each."""
        if self.plain:
            return []
        chance = int(self._id("files", number), 16)
        made = []
        for place in range((0, 0, 0, 0, 0, 0, 1, 2)[chance & 7]):
            chance >>= 16
            name, kind = _FILES[(chance & 255) % len(_FILES)]
            size = 0 if name == "empty.dat" else chance >> 8 & 4095
            file = File(self._id("file", number * 4 + place), incident.sys_id, name, kind, size,
                        incident.sys_created_on, incident.sys_created_by)  # fmt: skip
            made.append(file)
        return made

    def content(self, file: File) -> bytes:
        """The bytes of an attachment, made anew at each call."""
        return random.Random(file.sys_id).randbytes(file.size)
