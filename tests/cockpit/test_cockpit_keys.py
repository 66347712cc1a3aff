"""The one table of keys: complete, without a double, and the same on every screen, in the footer and in the help."""

from collections import Counter

import pytest

from cockpit import keys
from cockpit.app import Cockpit
from cockpit.panels import frame
from cockpit.screens import SCREENS
from cockpit.screens.help import help_lines

NAMES = tuple(keys.SCREENS)


def test_every_screen_of_the_table_exists() -> None:
    assert set(SCREENS) == set(NAMES)


@pytest.mark.parametrize("key", keys.KEYS, ids=lambda key: f"{key.press}-{key.verb}")
def test_every_key_has_its_help_as_a_sentence(key: keys.Key) -> None:
    assert key.help and key.help[0].isupper() and key.help.endswith((".", "?"))


@pytest.mark.parametrize("name", NAMES)
def test_no_key_does_two_things_on_one_screen(name: str) -> None:
    pressed = Counter(press for key in keys.keys_of(name) for press in key.press.split(","))
    assert [press for press, times in pressed.items() if times > 1] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_verb_has_its_method(name: str) -> None:
    owner = SCREENS[name]
    assert [key.verb for key in keys.keys_of(name) if not callable(getattr(owner, f"act_{key.verb}", None))] == []


def test_what_works_in_dialogs_too_is_done_by_the_app() -> None:
    always = [key.verb for key in keys.KEYS if key.always]
    assert always and all(callable(getattr(Cockpit, f"act_{verb}", None)) for verb in always)


@pytest.mark.parametrize("width", [60, 80, 200])
@pytest.mark.parametrize("name", NAMES)
def test_help_tells_every_key_of_the_screen_to_its_last_word(name: str, width: int) -> None:
    lines = help_lines(name, width)
    assert max(line.cell_len for line in lines) < width
    text = " ".join(" ".join(line.plain for line in lines).split())
    assert [key.help for key in keys.keys_of(name) if key.help not in text] == []


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
@pytest.mark.parametrize("name", NAMES)
def test_quit_is_always_at_the_right_end_and_the_footer_never_too_wide(name: str, width: int) -> None:
    line = frame.foot(name, width)
    assert line.cell_len <= width
    assert line.plain.rstrip().endswith("q quit")
    assert width < 60 or "? help" in line.plain


def test_upper_case_acts_heavily_and_lower_case_gently() -> None:
    heavy = {key.verb for key in keys.KEYS if key.commands and key.press.isupper()}
    gentle = {key.verb for key in keys.KEYS if key.commands and key.press.islower()}
    assert {"run", "stop"} <= heavy
    assert {"pause", "resume", "acknowledge"} <= gentle


def test_keys_that_multiplexers_and_terminals_take_are_not_used() -> None:
    taken = {"ctrl+b", "ctrl+a", "ctrl+s", "ctrl+q"}
    assert not {press for key in keys.KEYS for press in key.press.split(",")} & taken
