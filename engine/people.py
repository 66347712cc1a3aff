"""People of one system as people of another: by e-mail address, asked once, remembered within bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connectors.kit.contract import Record
from engine.flow import Flow

_MOST = 100_000  # people remembered for one pair of systems; a person more and the memory starts anew


class People:
    """Looks up whom records name. A person nobody knows is remembered, too (None)."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], dict[str, str | None]] = {}

    async def known(self, flow: Flow, records: Sequence[Record]) -> Mapping[str, str | None]:
        """{id at the source: id at the target, or None} of all people in these records."""
        if not flow.mapper.people:
            return {}
        memory = self._known.setdefault((flow.source_system, flow.target_system), {})
        unknown = [person for person in flow.mapper.people_in(records) if person not in memory]
        if unknown:
            if len(memory) + len(unknown) > _MOST:
                memory.clear()
            # An e-mail address names a person on both sides; a value that already is one needs no look-up.
            emails = {person: person for person in unknown if "@" in person}
            if ids := [person for person in unknown if "@" not in person]:
                emails |= await flow.source.emails(ids)
            wanted = sorted({email.lower() for email in emails.values() if email})
            accounts = await flow.target.accounts(wanted) if wanted else {}
            memory.update({person: accounts.get(emails.get(person, "").lower()) for person in unknown})
        return memory
