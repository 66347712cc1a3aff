"""`python -m cockpit`: the command, where it is not on the path."""

from cockpit.cli import main

main()
