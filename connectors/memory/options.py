"""What a memory system can be told to be."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from connectors.kit.contract import Creates, Feed
from connectors.memory.faults import Fault


class Options(BaseModel):
    """`systems.NAME.options` of a memory system. Seconds where not said."""

    model_config = ConfigDict(extra="forbid")

    creates: Creates = Creates.NATIVE
    feed: Feed = Feed.LOG
    settle: float = Field(default=0.0, ge=0)  # the feed shows a change so much later
    granularity: float = Field(default=0.0, ge=0)
    search_settle: float = Field(default=0.0, ge=0)  # find() of LAGGING sees a create so much later
    late_commit: float = Field(default=0.0, ge=0)
    page: int = Field(default=500, ge=1)
    bulk: int = Field(default=500, ge=1)
    updates: bool = True
    deletes: bool = True
    keep: bool = True  # false: creates are counted and thrown away; for benchmarks
    latency: float = Field(default=0.0, ge=0)  # of each call
    statuses: tuple[str, ...] = ()  # the statuses a record can be moved to; empty: any
    denied: tuple[str, ...] = ()  # what this account may not do: "read incident", "create issue"
    faults: tuple[Fault, ...] = ()
