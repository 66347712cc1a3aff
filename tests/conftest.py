"""For all tests."""

import signal

# A shell tells what it starts in the background to ignore Ctrl-C, and children inherit that; those of the tests are to
# hear it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
