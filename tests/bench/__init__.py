"""The figures, measured side by side on one machine: `python -m tests.bench`, or `make bench`."""
