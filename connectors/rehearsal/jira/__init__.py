"""A rehearsal Jira Cloud: its REST API v3 (and v2), limits, lags and traps."""

from connectors.rehearsal.jira.app import CLIENT, SECRET, TOKEN, USER, JiraDouble
from connectors.rehearsal.jira.site import Options

__all__ = ["CLIENT", "SECRET", "TOKEN", "USER", "JiraDouble", "Options"]
