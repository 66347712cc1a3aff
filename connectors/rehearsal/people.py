"""People of the rehearsal systems: names in several scripts, one e-mail each, known to both sides (most of them)."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

# given names and family names, with the Latin letters that their log-ins use
_NAMES: dict[str, tuple[str, tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]] = {
    "en": (
        "Europe/London",
        (("Abel", "abel"), ("Grace", "grace"), ("Owen", "owen"), ("Priya", "priya")),
        (("Turner", "turner"), ("O'Neill", "oneill"), ("Baker-Shaw", "bakershaw")),
    ),
    "de": (
        "Europe/Berlin",
        (("Jürgen", "juergen"), ("Käthe", "kaethe"), ("Lukas", "lukas")),
        (("Groß", "gross"), ("Müller", "mueller"), ("Schäfer", "schaefer")),
    ),
    "bg": (
        "Europe/Sofia",
        (("Иванка", "ivanka"), ("Петър", "petar"), ("Цветелина", "tsvetelina")),
        (("Георгиева", "georgieva"), ("Димитров", "dimitrov"), ("Щерева", "shtereva")),
    ),
    "el": (
        "Europe/Athens",
        (("Ελένη", "eleni"), ("Νίκος", "nikos")),
        (("Παπαδάκη", "papadaki"), ("Αλεξίου", "alexiou")),
    ),
    "ar": (
        "Africa/Cairo",
        (("ليلى", "layla"), ("يوسف", "yusuf")),
        (("المصري", "almasri"), ("حداد", "haddad")),
    ),
    "he": (
        "Asia/Jerusalem",
        (("נועה", "noa"), ("אורי", "uri")),
        (("לוי", "levi"), ("שפירא", "shapira")),
    ),
    "ja": (
        "Asia/Tokyo",
        (("さくら", "sakura"), ("健太", "kenta")),
        (("高橋", "takahashi"), ("渡辺", "watanabe")),
    ),
    "hi": (
        "Asia/Kolkata",
        (("अनन्या", "ananya"), ("रोहन", "rohan")),
        (("शर्मा", "sharma"), ("वर्मा", "varma")),
    ),
}
_LANGUAGES = tuple(_NAMES)


class Person(NamedTuple):
    """One person. `sys_id` is theirs in ServiceNow; `account` their Atlassian account id, empty when they have none."""

    sys_id: str
    user_name: str
    first_name: str
    last_name: str
    email: str
    language: str  # en, de, bg, ...
    zone: str  # an IANA time zone
    active: bool
    account: str

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"


def people(seed: int, count: int) -> list[Person]:
    """`count` people, the same for the same seed. Every e-mail is unique; one in twenty has no Atlassian account."""
    made = []
    for number in range(count):
        digest = hashlib.md5(f"person:{seed}:{number}".encode(), usedforsecurity=False).hexdigest()
        chance = int(digest, 16)
        language = _LANGUAGES[number % len(_LANGUAGES)]
        zone, given, family = _NAMES[language]
        first, first_latin = given[chance % len(given)]
        last, last_latin = family[(chance >> 8) % len(family)]
        user = f"{first_latin}.{last_latin}{number}"
        missing = number % 20 == 13
        account = "" if missing else f"712020:{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:]}"
        made.append(
            Person(digest, user, first, last, f"{user}@example.com", language, zone, number % 17 != 16, account)
        )
    return made
