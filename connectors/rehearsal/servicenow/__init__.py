"""A double of ServiceNow: Table, Attachment, Aggregate, Batch and Import Set APIs, with the traps of the real thing."""

from connectors.rehearsal.servicenow.auth import User
from connectors.rehearsal.servicenow.double import ServiceNowDouble
from connectors.rehearsal.servicenow.settings import Settings

__all__ = ["ServiceNowDouble", "Settings", "User"]
