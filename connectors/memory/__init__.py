"""Connector `memory`: systems that live in this process. For tests, benchmarks and trying things out.

`connection.url` is `memory:NAME`; everybody who connects to NAME sees the same Store. Fill and inspect it by
`store(NAME)`. Options: see `options.Options`.
"""

from connectors.memory.connector import Memory, connect
from connectors.memory.faults import Faults
from connectors.memory.store import Store, forget, store

__all__ = ["Faults", "Memory", "Store", "connect", "forget", "store"]
