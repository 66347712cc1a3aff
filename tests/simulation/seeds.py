"""Seeds that once broke a promise, with what was wrong. Each is played by every run of the tests."""

from __future__ import annotations

REGRESSIONS: dict[int, str] = {
    12: "what one wave let go of, another that had met it before never took up, and its sum closed all the same",
    19: "a comment edited after its record had gone to another wave was never carried: it stayed with the former wave",
    27: "the same as 12, after a kill",
    1103: "a refused reference of a record that had left the scope put it back into the sum: never loaded",
    1107: "the same, of another wave",
    30215: "a create without an answer was sent again by another wave, into whose scope its record had come",
    2000366: "a native create was cut off, its record left the scope, and nobody knew of the copy",
    2000782: "a write failed after its caller had been cancelled: an error that nobody heard",
    2003382: "a difference of a record that left the scope while it was carried again stayed for ever",
    2003654: "comments stayed in the ledger, as of another wave, when a rollback removed their record",
    2007005: "what hung on a record that was edited while its rollback was cut off was taken for removed",
    5000038: "an edit of what was in doubt was lost when a person had found it",
    5000161: "a clock that was set back by a day and a half between a run and its rollback made that one wait as long",
    5200207: "what was deleted between two looks of a rollback counted as edited, and was never carried again",
    30192: "a create found again after a kill was taken for the newest version: an edit between the two was lost",
    10000182: "a newer update left while an older one, whose answer was lost, could still come after it",
    60022235: "a list that lagged showed what another wave had let go of as it was before: it was written over a newer",
    60034923: "of the simulation: what is gone from the source is not to be done again",
    60043472: "the comment of a record that was made anew in another wave was taken for there",
    60043772: "a feed that repeated itself out of order hid the newest edit of a record behind an older one",
    60051550: "of the model: a person may sign what differs",
    60095985: "a rollback sent a delete for a record that was there before us, and that somebody had removed meanwhile",
    100000184: "a wait ended before its time: a comment that could still come was counted as absent, and made again",
    100000323: "the same, of a record",
    200010067: "a chunk that was open at a death had grown since, and was carried as one: too much to be done again",
    200018278: "a record that was made anew referred to what its source had referred to before, too: both were tied",
    200028776: "an excluded comment that changed kept its record from ever being compared: its wave was never loaded",
    200060800: "of the model: a comment that was set aside, and changed, is carried when its record was long done",
    200095952: "of the simulation: a late create brings back what a person has deleted, and nobody can tell why",
    1000000412: "a record was set aside while it was compared: its difference came after it, and was never mended",
    1000011596: "of the model: a comment whose record has gone from the source is not seen any more",
    30001015: "of two intents of one create, whose record went from the source, one stayed open for ever",
}
"""Of the plans as `plan.draw` makes them: whoever changes what a seed draws finds new seeds for these sentences."""
