"""The suite that every connector must pass.

A connector's author describes its system as a `Subject` (what is seeded there, and knobs to edit, break and inspect it)
and runs every check over it, each on a fresh subject:

    @pytest.mark.parametrize("check", conformance.CHECKS, ids=str)
    def test_conformance(check):
        reason = asyncio.run(conformance.run(check, my_subject))  # my_subject() -> async context manager of a Subject
        if reason:
            pytest.skip(reason)

A check that needs a knob which the subject lacks, or a trait that the connector does not declare, does not apply:
`run` returns the reason. A check that fails raises `Broken` with a sentence.
"""

from connectors.kit.conformance import lookups, readbacks, sources, targets, undos
from connectors.kit.conformance.checks import CHECKS, Broken, Check, run
from connectors.kit.conformance.subject import OpenPacer, Subject, WallClock

__all__ = [
    "CHECKS",
    "Broken",
    "Check",
    "OpenPacer",
    "Subject",
    "WallClock",
    "lookups",
    "readbacks",
    "run",
    "sources",
    "targets",
    "undos",
]
