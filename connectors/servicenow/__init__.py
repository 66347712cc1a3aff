"""ServiceNow, by its REST interface: Table, Batch, Attachment and Aggregate API."""

from __future__ import annotations

from connectors.kit.contract import Connection, Ports
from connectors.servicenow.connector import ServiceNow

__all__ = ["connect"]


def connect(connection: Connection, ports: Ports) -> ServiceNow:
    """A source and a target. `auth`: basic, oauth2 (client_credentials, password, refresh_token), bearer, api_key."""
    return ServiceNow(connection, ports)
