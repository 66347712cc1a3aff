"""A second opinion: reads both systems by a way of its own, and says where they differ.

It shares nothing with what writes, and nothing with the reconciliation: own paging, own reading of values, external ids
instead of the ledger's word wherever the target carries them. Only the compiled mapping, which defines what should be
there, is the same.
"""

from engine.verifier.findings import Finding, Findings, Judgement
from engine.verifier.flows import Books, Hearing, WaveUnderTest
from engine.verifier.verify import Verifier

__all__ = ["Books", "Finding", "Findings", "Hearing", "Judgement", "Verifier", "WaveUnderTest"]
