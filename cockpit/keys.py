"""The one table of keys. Bindings, footer, help, palette and the reference page are made from it.

Lower case acts gently, upper case acts heavily: it shows first exactly what it will do, then wants a name typed.
Arrows and hjkl move, digits change the screen, Esc always leaves.
"""

from __future__ import annotations

from dataclasses import dataclass

from textual.binding import Binding

OVERVIEW, WAVE, RUNBOOK, QUARANTINE, PLAN, LOG = "overview", "wave", "runbook", "quarantine", "plan", "log"
DRIFT, PROOF = "drift", "proof"
SCREENS = {OVERVIEW: "1", WAVE: "2", RUNBOOK: "3", QUARANTINE: "4", PLAN: "5", LOG: "6", DRIFT: "7", PROOF: "8"}


@dataclass(frozen=True, slots=True)
class Key:
    """What one key does."""

    press: str  # as Textual names it; several, with commas
    verb: str  # the method of the screen or the app: `act_<verb>`
    word: str  # in the footer; empty: not there
    help: str  # a sentence
    screens: tuple[str, ...] = ()  # where; empty: everywhere
    commands: bool = False  # it speaks to the engine
    stale: bool = False  # it works although the engine does not answer
    always: bool = False  # it works in dialogs, too

    @property
    def shown(self) -> str:
        """As people read it."""
        return self.all_shown[0]

    @property
    def all_shown(self) -> tuple[str, ...]:
        """With every other key that does the same."""
        return tuple(_SHOWN.get(each, each.replace("ctrl+", "Ctrl-")) for each in self.press.split(","))


_SHOWN = {
    "question_mark": "?",
    "slash": "/",
    "colon": ":",
    "escape": "Esc",
    "enter": "Enter",
    "space": "Space",
    "down": "↓",
    "up": "↑",
    "left": "←",
    "right": "→",
    "pagedown": "PgDn",
    "pageup": "PgUp",
    "home": "Home",
    "end": "End",
    "tab": "Tab",
}
_WAVES = (OVERVIEW, WAVE)
_PROVEN = (OVERVIEW, WAVE, PROOF)

KEYS = (
    # what is done to a wave
    Key("p", "pause", "pause", "Pause the selected wave, at once; on the first line, all of them.", _WAVES, True),
    Key("r", "resume", "resume", "Resume the selected wave; on the first line, all of them.", _WAVES, True),
    Key("w", "why", "why", "Say why it is paused: others read it.", _WAVES, True),
    Key("S", "run", "start", "Run the selected wave, or all that are not loaded; shows the plan first.", _WAVES, True),
    Key("v", "validate", "validate", "Ask the rules of the playbook about the wave.", (PROOF,), True),
    Key(
        "y",
        "verify",
        "verify",
        "Have the wave compared by code that shares nothing with what wrote it.",
        (PROOF,),
        True,
    ),
    Key("O", "sign_off", "sign off", "Sign the selected wave off; shows first what is signed.", _PROVEN, True),
    Key(
        "R",
        "rerun",
        "re-run",
        "Run the selected wave again; shows first how many records change, and which fields.",
        _PROVEN,
        True,
    ),
    Key(
        "F",
        "rerun_failed",
        "",
        "Run again what was quarantined of the selected wave; shows first what becomes of it.",
        (*_PROVEN, QUARANTINE),
        True,
    ),
    Key(
        "B",
        "roll_back",
        "roll back",
        "Roll the selected wave back; shows first what becomes of its records.",
        _PROVEN,
        True,
    ),
    Key("a", "acknowledge", "ack", "Acknowledge the alert that the message line shows.", _WAVES, True),
    Key("X", "stop", "", "End the engine at the next safe point; a later start goes on from there.", (OVERVIEW,), True),
    # runbook
    Key("space", "tick", "tick", "Tick the selected step: done, or go; asks for its evidence.", (RUNBOOK,), True),
    Key("n", "no_go", "no-go", "Refuse an approval: no-go, with the reason.", (RUNBOOK,), True),
    Key("x", "skip", "skip", "Skip the selected step, with a reason.", (RUNBOOK,), True),
    Key("S", "start_step", "start", "Carry out an automatic step; shows first what it does.", (RUNBOOK,), True),
    # quarantine
    Key(
        "t", "retry", "retry", "Take the selected record, or all of the selected cause, up again.", (QUARANTINE,), True
    ),
    Key(
        "R",
        "rerun_these",
        "re-run",
        "Run the selected record, or all of the selected cause, again; shows first what becomes of it.",
        (QUARANTINE,),
        True,
    ),
    Key("E", "exclude", "exclude", "Leave the selection out of the move for good, with a reason.", (QUARANTINE,), True),
    Key("tab", "other_list", "", "Between causes and records.", (QUARANTINE,)),
    # drift
    Key(
        "M",
        "repair",
        "mend",
        "Send again what is missing or changed of the selection; shows first what.",
        (DRIFT,),
        True,
    ),
    Key("c", "compare", "compare", "Compare the sides of the selected wave, or of all.", (DRIFT,), True),
    Key("u", "unmask", "unmask", "Show the values of the selected record, or mask them again.", (DRIFT,)),
    # log
    Key("f", "follow", "follow", "Follow the newest line, or stay.", (LOG,)),
    # looking around
    Key("enter", "open", "open", "Look closely at what is selected.", (OVERVIEW, QUARANTINE, PLAN, DRIFT)),
    Key("u", "update_plan", "update", "Count again at the sources.", (PLAN,)),
    Key("c", "chart", "chart", "The next chart, and the other span of time.", (OVERVIEW,)),
    Key("1", "overview", "", "Overview: is it going well?"),
    Key("2", "wave", "", "One wave, closely."),
    Key("3", "runbook", "runbook", "The runbook: phases, steps, gates."),
    Key("4", "quarantine", "quarantine", "What was set aside, by cause."),
    Key("5", "plan", "plan", "What each wave moves, in which order, and when."),
    Key("6", "log", "log", "The audit trail."),
    Key("7", "drift", "drift", "Where the sides differ."),
    Key("8", "proof", "proof", "What is proven of one wave, and its signature."),
    Key(
        "slash",
        "filter",
        "filter",
        "Show only lines with these letters; Esc shows all again.",
        (QUARANTINE, LOG, PLAN, DRIFT),
    ),
    Key("down,j", "down", "", "Down."),
    Key("up,k", "up", "", "Up."),
    Key("left,h", "left", "", "To the left, or the previous wave."),
    Key("right,l", "right", "", "To the right, or the next wave."),
    Key("pagedown,ctrl+f", "page_down", "", "A page down."),
    Key("pageup,ctrl+u", "page_up", "", "A page up."),
    Key("home,g", "top", "", "To the first line."),
    Key("end,G", "bottom", "", "To the last line."),
    Key("colon", "palette", "palette", "Type a verb.", stale=True),
    Key("question_mark", "help", "help", "This list.", stale=True),
    Key("e", "start_engine", "", "Start the engine again, when none answers.", stale=True),
    Key("escape", "leave", "", "Leave: a dialog, a filter, a screen.", stale=True),
    Key("q", "quit", "quit", "Leave the screen, then the cockpit. The engine runs on.", stale=True),
    Key("ctrl+c", "hang_up", "", "Leave the cockpit at once. The engine runs on.", stale=True, always=True),
    Key("ctrl+l", "repaint", "", "Paint the whole screen again.", stale=True, always=True),
    Key("ctrl+z", "suspend", "", "Put the cockpit aside; fg brings it back.", stale=True, always=True),
)


def keys_of(screen: str) -> list[Key]:
    """What can be pressed there, in the order of the table."""
    return [key for key in KEYS if not key.screens or screen in key.screens]


def bindings_of(screen: str) -> list[Binding]:
    return [_binding(key) for key in keys_of(screen) if not key.always]


def bindings_of_app() -> list[Binding]:
    """Of keys that work whatever is in front."""
    return [_binding(key) for key in KEYS if key.always]


def _binding(key: Key) -> Binding:
    return Binding(key.press, f"press('{key.verb}')", key.help, show=False, priority=key.always)


def key_of(verb: str) -> Key | None:
    """The key of a verb; None when none does it."""
    return next((key for key in KEYS if key.verb == verb), None)
