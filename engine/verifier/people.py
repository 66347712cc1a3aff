"""Who is who on the other side, by e-mail address; asked by the verifier itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connectors.kit.contract import Record
from engine.flow import Flow
from engine.verifier.flows import Hearing

_MOST = 50_000  # people remembered


class Directory:
    """One flow's people. A person whom the target does not know is None."""

    def __init__(self, hearing: Hearing, flow: Flow) -> None:
        self._hearing = hearing
        self._flow = flow
        self._met: dict[str, str | None] = {}

    async def of(self, flow: Flow, records: Sequence[Record]) -> Mapping[str, str | None]:
        """{id at the source: account at the target} of all whom these records name. `flow`: ours, or a child of it."""
        strange = sorted(flow.mapper.people_in(records) - self._met.keys())
        if strange:
            if len(self._met) > _MOST:
                self._met.clear()
                strange = sorted(flow.mapper.people_in(records))
            addresses = {person: person.lower() for person in strange if "@" in person}
            if nameless := [person for person in strange if "@" not in person]:
                told = await self._hearing.ask(self._flow.source.emails, nameless)
                addresses |= {person: address.lower() for person, address in told.items() if address}
            wanted = sorted(set(addresses.values()))
            accounts = await self._hearing.ask(self._flow.target.accounts, wanted) if wanted else {}
            self._met |= {person: accounts.get(addresses.get(person, "")) for person in strange}
        return self._met
