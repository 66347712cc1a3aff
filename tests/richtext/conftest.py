from __future__ import annotations

from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def check_adf() -> Callable[[Any], None]:
    """Raises AssertionError unless Jira would take this document."""
    spec = spec_from_file_location("adf_check", Path(__file__).parent / "adf_check.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    check: Callable[[Any], None] = module.check_adf
    return check
