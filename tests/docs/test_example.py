"""The example connector of the documents is held to the same suite as those that ship."""

from __future__ import annotations

import asyncio

import pytest

from connectors.kit import conformance
from connectors.kit.contract import Source
from tests.docs.sqlite_subject import sqlite_subject

CHECKS = [check for check in conformance.CHECKS if check.side is Source]


@pytest.mark.parametrize("check", CHECKS, ids=str)
def test_the_example_keeps_the_promises_of_a_source(check: conformance.Check) -> None:
    reason = asyncio.run(conformance.run(check, sqlite_subject))
    if reason:
        pytest.skip(reason)
