"""Writes docs/screenshots/*.svg from the screens themselves, on a night that is always the same.

python docs/take_screenshots.py [FOLDER]    with a folder: every screen at every size
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
os.environ["TZ"] = "UTC"  # stamps are shown in the reader's zone
os.environ.pop("NO_COLOR", None)

from cockpit import keys  # noqa: E402
from cockpit.app import Cockpit  # noqa: E402
from cockpit.client import Client  # noqa: E402
from cockpit.store import Line  # noqa: E402
from tests.cockpit import pictures  # noqa: E402
from tests.cockpit.played import Night, played  # noqa: E402

SIZES = ((80, 24), (120, 40), (200, 60))
SCREENS = {**keys.SCREENS, "help": "?"}
SHOWN = {("overview", 80), ("overview", 200)} | {(name, 120) for name in SCREENS}
"""What the documentation shows."""

LOOKS = {"drift": ("down", "enter")}
"""Keys that are pressed before the picture is taken."""

_FONT = re.compile(r"@font-face \{.*?\}", re.DOTALL)  # would be fetched from somebody's server at each look


async def take(folder: Path, to: Path, every: bool) -> None:
    """Every screen at every size, or those of the documentation."""
    for width, height in SIZES:
        app = Cockpit(Client(folder), "ana@jump1")
        async with app.run_test(size=(width, height)) as pilot:
            while app.store.line is not Line.LIVE:
                await pilot.pause(0.05)
            app.wave = "emea"
            for name, key in SCREENS.items():
                if not every and (name, width) not in SHOWN:
                    continue
                await pilot.press("1", "question_mark" if key == "?" else key)
                await pilot.pause(1.3)
                for press in LOOKS.get(name, ()):
                    await pilot.press(press)
                    await pilot.pause(0.5)
                picture = _FONT.sub("", app.export_screenshot(title=f"cutover: {name}"))
                (to / f"{name}-{width}x{height}.svg").write_text(picture.replace("Fira Code", "monospace"))
                await pilot.press("escape")


def main() -> None:
    to = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("screenshots")
    to.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, played(Path(folder), Night(pictures.picture(), pictures.replies())):
        asyncio.run(take(Path(folder), to, len(sys.argv) > 1))


if __name__ == "__main__":
    main()
