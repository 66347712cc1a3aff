"""`python -m tests.mutation [WORD ...]`: break the product, one break at a time, and see whether the tests notice."""

from __future__ import annotations

import sys
from time import monotonic

from tests.mutation.mutants import copy, judge, mutants

_ENOUGH = 0.95


def main(words: list[str]) -> int:
    chosen = [one for one in mutants() if not words or any(word in f"{one.name} {one.file}" for word in words)]
    survivors, started = [], monotonic()
    with copy() as folder:
        for mutant in chosen:
            verdict = judge(mutant, folder)
            word = "caught" if verdict.caught else "equivalent" if mutant.equivalent else "SURVIVED"
            print(f"{word:<10} {mutant.file:<24} {mutant.name}  {verdict.said}", flush=True)
            if not verdict.caught and not mutant.equivalent:
                survivors.append(mutant)
    counted = [one for one in chosen if not one.equivalent]
    caught = len(counted) - len(survivors)
    print(f"{caught} of {len(counted)} caught in {monotonic() - started:,.0f} s")
    return 0 if counted and caught >= _ENOUGH * len(counted) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
