"""The command `cutover`, and `python -m cockpit`: a cockpit where a migration is named, and the verbs otherwise."""

from __future__ import annotations

import sys

from cockpit import terminal
from cockpit.attach import asked, attach
from cockpit.telling import telling, who


def main() -> None:
    terminal.prepare()
    if (folder := asked(sys.argv[1:])) is not None:
        sys.exit(telling(lambda: attach(folder, who())))
    # A screen has to show something within a second: it loads no verb and no model of a folder.
    from cockpit.cli import app

    sys.exit(telling(app))


if __name__ == "__main__":
    main()
