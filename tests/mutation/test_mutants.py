"""The breaks still fit the product, and some of them are tried here; `make mutants` tries all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutation.mutants import ROOT, broken, copy, judge, mutants

SLICE = (
    "a declared rate is exceeded by one",
    "a hold is kept in memory only",
    "an answer ends the intent of those that have none",
)


def test_every_break_fits_its_file_once_and_names_tests_that_exist() -> None:
    for mutant in mutants():
        assert broken(mutant, (ROOT / mutant.file).read_text())
        for test in mutant.tests:
            path, _, name = test.partition("::")
            assert (ROOT / path).exists(), f"{mutant.name}: {path}"
            assert not name or f"def {name}(" in (ROOT / path).read_text(), f"{mutant.name}: {test}"


def test_there_are_at_least_forty_and_none_twice() -> None:
    names = [mutant.name for mutant in mutants()]
    assert len(names) >= 40
    assert len(set(names)) == len(names)


def test_a_slice_of_them_is_caught() -> None:
    chosen = [mutant for mutant in mutants() if mutant.name in SLICE]
    assert len(chosen) == len(SLICE)
    with copy() as folder:
        for mutant in chosen:
            verdict = judge(mutant, folder)
            assert verdict.caught, mutant.name


def test_a_break_that_fits_no_more_says_so(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="stands 0 times"):
        broken(mutants()[0], "")
