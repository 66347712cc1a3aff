"""Every connector that ships keeps every promise of the contract."""

from __future__ import annotations

import asyncio

import pytest

from connectors.kit import conformance, registry
from tests.conformance.subjects import SUBJECTS


@pytest.mark.parametrize("check", conformance.CHECKS, ids=str)
@pytest.mark.parametrize("name", SUBJECTS)
def test_every_connector_keeps_its_promises(name: str, check: conformance.Check) -> None:
    reason = asyncio.run(conformance.run(check, SUBJECTS[name]))
    if reason:
        pytest.skip(reason)


def test_every_connector_that_ships_is_a_subject() -> None:
    assert {name.split(",")[0].lower() for name in SUBJECTS} == set(registry.names())
