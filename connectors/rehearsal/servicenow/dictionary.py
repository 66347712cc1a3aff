"""The tables of the double: names, columns, choices. The dictionary tables that clients read are made from this."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

Choices = tuple[tuple[str, str], ...]


class Column(NamedTuple):
    """One column. `reference` names a table; `key` is what of it the value holds: its sys_id, or a name."""

    name: str
    label: str
    type: str = "string"
    reference: str = ""
    length: int = 40
    read_only: bool = False
    default: str = ""
    choices: Choices = ()
    mandatory: bool = False
    key: str = "sys_id"


class Definition(NamedTuple):
    """One table. `columns` are its own; those of `parent` come before them."""

    name: str
    label: str
    columns: tuple[Column, ...]
    parent: str = ""
    display: str = ""  # the column that stands for a record
    prefix: str = ""  # of its numbers
    audited: bool = False  # an update leaves rows in sys_audit, a deletion one in sys_audit_delete
    open: bool = True  # reachable by web services


def text(name: str, label: str, length: int = 40, **more: object) -> Column:
    return Column(name, label, "string", length=length, **more)  # type: ignore[arg-type]


def ref(name: str, label: str, table: str, **more: object) -> Column:
    return Column(name, label, "reference", table, 32, **more)  # type: ignore[arg-type]


def when(name: str, label: str, **more: object) -> Column:
    return Column(name, label, "glide_date_time", **more)  # type: ignore[arg-type]


def flag(name: str, label: str, default: str = "false", **more: object) -> Column:
    return Column(name, label, "boolean", default=default, **more)  # type: ignore[arg-type]


def number(name: str, label: str, default: str = "", choices: Choices = (), **more: object) -> Column:
    return Column(name, label, "integer", default=default, choices=choices, **more)  # type: ignore[arg-type]


SYSTEM = (
    Column("sys_id", "Sys ID", "GUID", length=32),
    when("sys_created_on", "Created", read_only=True),
    text("sys_created_by", "Created by", read_only=True),
    when("sys_updated_on", "Updated", read_only=True),
    text("sys_updated_by", "Updated by", read_only=True),
    number("sys_mod_count", "Updates", "0", read_only=True),
)
"""What every table begins with, in this order."""
SYS_ID, CREATED_ON, CREATED_BY, UPDATED_ON, UPDATED_BY, MOD_COUNT = range(6)

_LEVELS: Choices = (("1", "1 - High"), ("2", "2 - Medium"), ("3", "3 - Low"))
_PRIORITIES: Choices = (
    ("1", "1 - Critical"), ("2", "2 - High"), ("3", "3 - Moderate"), ("4", "4 - Low"), ("5", "5 - Planning"),
)  # fmt: skip
_STATES: Choices = (
    ("1", "New"), ("2", "In Progress"), ("3", "On Hold"), ("6", "Resolved"), ("7", "Closed"), ("8", "Canceled"),
)  # fmt: skip
_CATEGORIES: Choices = (
    ("inquiry", "Inquiry / Help"), ("software", "Software"), ("hardware", "Hardware"), ("network", "Network"),
    ("database", "Database"),
)  # fmt: skip
_CONTACTS: Choices = (
    ("phone", "Phone"), ("email", "Email"), ("self-service", "Self-service"), ("walk-in", "Walk-in"),
    ("virtual_agent", "Virtual Agent"),
)  # fmt: skip
_CLOSE_CODES: Choices = tuple(
    (word, word)
    for word in (
        "Solution provided", "Duplicate", "Known error", "No resolution provided", "Resolved by caller", "User error",
        "Workaround provided",
    )
)  # fmt: skip

_TASK = (
    Column("sys_class_name", "Task type", "sys_class_name", length=80, read_only=True),
    text("number", "Number"),
    text("short_description", "Short description", 160),
    text("description", "Description", 4000),
    number("state", "State", "1", _STATES),
    flag("active", "Active", "true"),
    number("impact", "Impact", "3", _LEVELS),
    number("urgency", "Urgency", "3", _LEVELS),
    number("priority", "Priority", "5", _PRIORITIES, read_only=True),
    when("opened_at", "Opened"),
    ref("opened_by", "Opened by", "sys_user"),
    ref("assigned_to", "Assigned to", "sys_user"),
    ref("assignment_group", "Assignment group", "sys_user_group"),
    ref("location", "Location", "cmn_location"),
    ref("cmdb_ci", "Configuration item", "cmdb_ci"),
    ref("parent", "Parent", "task"),
    when("due_date", "Due date"),
    when("closed_at", "Closed"),
    ref("closed_by", "Closed by", "sys_user"),
    text("close_notes", "Close notes", 4000),
    Column("comments", "Additional comments", "journal_input", length=4000),
    Column("work_notes", "Work notes", "journal_input", length=4000),
    Column("comments_and_work_notes", "Comments and Work notes", "journal_list", length=4000, read_only=True),
    text("correlation_id", "Correlation ID", 100),
    text("correlation_display", "Correlation display", 100),
    text("contact_type", "Contact type", choices=_CONTACTS),
    number("reassignment_count", "Reassignment count", "0", read_only=True),
    Column("business_duration", "Business duration", "glide_duration", read_only=True),
    Column("calendar_duration", "Duration", "glide_duration", read_only=True),
    Column("watch_list", "Watch list", "glide_list", "sys_user", 4000),
    flag("made_sla", "Made SLA", "true", read_only=True),
    flag("knowledge", "Knowledge"),
    text("approval", "Approval", default="not requested"),
    number("escalation", "Escalation", "0"),
    text("sys_domain_path", "Domain Path", 255, default="/", read_only=True),
)
_INCIDENT = (
    ref("caller_id", "Caller", "sys_user"),
    text("category", "Category", choices=_CATEGORIES, default="inquiry"),
    text("subcategory", "Subcategory"),
    number("severity", "Severity", "3", _LEVELS),
    ref("parent_incident", "Parent Incident", "incident"),
    when("resolved_at", "Resolved"),
    ref("resolved_by", "Resolved by", "sys_user"),
    text("close_code", "Resolution code", choices=_CLOSE_CODES),
    number("reopen_count", "Reopen count", "0", read_only=True),
    text("hold_reason", "On hold reason"),
    ref("problem_id", "Problem", "problem"),
)
_USER = (
    text("user_name", "User ID"),
    text("first_name", "First name", 50),
    text("last_name", "Last name", 50),
    text("name", "Name", 151),
    Column("email", "Email", "email", length=100),
    flag("active", "Active", "true"),
    text("time_zone", "Time zone"),
    text("preferred_language", "Language", 3),
    ref("location", "Location", "cmn_location"),
    text("title", "Title", 60),
)
_ROW = (
    ref("sys_import_set", "Set", "sys_import_set"),
    text("sys_import_state", "State", default="pending"),
    text("sys_import_state_comment", "Comment", 4000),
    text("sys_target_table", "Target table", 80),
    Column("sys_target_sys_id", "Target record", "document_id", length=32),
    text("sys_transform_map", "Transform map", 80),
)
_STAGING = (
    text("u_ext", "External id", 100),
    text("u_short", "Short", 160),
    text("u_description", "Description", 4000),
    text("u_caller", "Caller e-mail", 100),
    text("u_impact", "Impact"),
    text("u_urgency", "Urgency"),
    text("u_state", "State"),
    text("u_close_code", "Close code"),
    text("u_close_notes", "Close notes", 4000),
)

DEFINITIONS: dict[str, Definition] = {
    definition.name: definition
    for definition in (
        Definition("task", "Task", _TASK, display="number", audited=True),
        Definition("incident", "Incident", _INCIDENT, "task", "number", "INC", audited=True),
        Definition("problem", "Problem", (flag("known_error", "Known error"),), "task", "number", "PRB", audited=True),
        Definition(
            "change_request",
            "Change Request",
            (text("type", "Type", default="normal"), when("start_date", "Start"), when("end_date", "End")),
            "task",
            "number",
            "CHG",
            audited=True,
        ),
        Definition("sys_user", "User", _USER, display="name", audited=True),
        Definition(
            "sys_user_group",
            "Group",
            (
                text("name", "Name", 80),
                Column("email", "Group email", "email", length=100),
                ref("manager", "Manager", "sys_user"),
                flag("active", "Active", "true"),
            ),
            display="name",
        ),
        Definition("sys_user_role", "Role", (text("name", "Name", 100),), display="name"),
        Definition(
            "sys_user_has_role",
            "User Role",
            (ref("user", "User", "sys_user"), ref("role", "Role", "sys_user_role"), flag("inherited", "Inherited")),
        ),
        Definition(
            "cmn_location",
            "Location",
            (text("name", "Name", 100), text("region", "Region"), text("city", "City")),
            display="name",
        ),
        Definition("cmdb_ci", "Configuration Item", (text("name", "Name", 255),), display="name"),
        Definition(
            "sys_journal_field",
            "Journal Entry",
            (
                text("name", "Name", 80),
                text("element", "Element", 80),
                text("element_id", "Element ID", 32),
                text("value", "Value", 65000),
            ),
        ),
        Definition(
            "sys_attachment",
            "Attachment",
            (
                text("file_name", "File name", 100),
                text("content_type", "Content type", 120),
                number("size_bytes", "Size bytes"),
                number("size_compressed", "Size compressed"),
                flag("compressed", "Compressed", "true"),
                number("chunk_size_bytes", "Chunk size", "734003"),
                text("table_name", "Table name", 80),
                text("table_sys_id", "Table sys ID", 32),
                text("hash", "Hash", 64),
                text("image_height", "Image height"),
                text("image_width", "Image width"),
                text("average_image_color", "Average image color"),
                text("state", "State", default="available"),
                text("sys_tags", "Tags"),
            ),
            display="file_name",
        ),
        Definition(
            "sys_audit_delete",
            "Audit Deleted Record",
            (
                text("tablename", "Table name", 80),
                text("documentkey", "Document key", 32),
                text("display_value", "Display value", 255),
            ),
        ),
        Definition(
            "sys_audit",
            "Audit",
            (
                text("tablename", "Table name", 80),
                text("documentkey", "Document key", 32),
                text("fieldname", "Field name", 80),
                text("oldvalue", "Old value", 4000),
                text("newvalue", "New value", 4000),
                text("user", "User", 100),
                number("record_checkpoint", "Update count"),
            ),
        ),
        Definition(
            "sys_choice",
            "Choice",
            (
                text("name", "Table", 80),
                text("element", "Element", 80),
                text("value", "Value", 100),
                text("label", "Label", 255),
                text("language", "Language", 3, default="en"),
                flag("inactive", "Inactive"),
                text("dependent_value", "Dependent value", 100),
                number("sequence", "Sequence"),
            ),
            display="label",
        ),
        Definition(
            "sys_db_object",
            "Table",
            (
                text("name", "Name", 80),
                text("label", "Label", 80),
                ref("super_class", "Extends table", "sys_db_object"),
                flag("ws_access", "Allow access via web services", "true"),
                text("sys_scope", "Application", default="global"),
            ),
            display="label",
        ),
        Definition(
            "sys_dictionary",
            "Dictionary Entry",
            (
                text("name", "Table", 80),
                text("element", "Column name", 80),
                text("column_label", "Column label", 80),
                ref("internal_type", "Type", "sys_glide_object", key="name"),
                number("max_length", "Max length"),
                ref("reference", "Reference", "sys_db_object", key="name"),
                flag("mandatory", "Mandatory"),
                flag("read_only", "Read only"),
                flag("unique", "Unique"),
                flag("active", "Active", "true"),
                text("default_value", "Default value", 512),
                number("choice", "Choice"),
                flag("virtual", "Calculated"),
                text("attributes", "Attributes", 1000),
            ),
            display="column_label",
        ),
        Definition(
            "sys_dictionary_override",
            "Dictionary Override",
            (text("name", "Table", 80), text("element", "Column name", 80), text("base_table", "Base table", 80)),
        ),
        Definition("sys_glide_object", "Field class", (text("name", "Name"), text("label", "Label")), display="label"),
        Definition("sys_properties", "System Property", (text("name", "Name", 100), text("value", "Value", 4000))),
        Definition("sys_import_set", "Import Set", (text("number", "Number"), text("table_name", "Table", 80)),
                   display="number", prefix="ISET"),
        Definition("sys_import_set_row", "Import Set Row", _ROW),
        Definition("u_mig_incident", "Mig incident", _STAGING, "sys_import_set_row"),
        Definition("sys_security_acl", "Access Control", (text("name", "Name", 255),)),
        Definition("u_vault", "Vault", (text("u_name", "Name"),), open=False),
    )
}  # fmt: skip


def lineage(table: str) -> Iterator[Definition]:
    """The table and what it extends, itself first."""
    while table:
        definition = DEFINITIONS[table]
        yield definition
        table = definition.parent


def columns(table: str) -> tuple[Column, ...]:
    """All columns of a table: system, then inherited, then its own. A child's begin with its parent's."""
    own = DEFINITIONS[table]
    return (columns(own.parent) if own.parent else SYSTEM) + own.columns


def owner(table: str, column: str) -> str:
    """The table of the lineage that declares a column: where its dictionary entry and its choices are."""
    names = [definition.name for definition in lineage(table) if any(c.name == column for c in definition.columns)]
    return names[-1] if names else [definition.name for definition in lineage(table)][-1]
