"""Jira Cloud (REST v3), as a source and as a target of issues, comments, attachments and links.

Options: `projects` (keys), `external_id` (property, label, field), `people` (e-mail: accountId), `strong_reads`,
`late_commit`, `search_settle`, `window`; see `options.py`. Auth: basic (e-mail, API token), bearer, oauth2.
"""

from __future__ import annotations

from connectors.jira.connector import Jira
from connectors.kit.contract import Connection, Ports


def connect(connection: Connection, ports: Ports) -> Jira:
    """Misconfigured when the url, the auth or an option cannot be right. Nothing is called yet."""
    return Jira(connection, ports)
