"""Writing issues: what the API checks before it commits a create, an edit, a transition or a delete."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from connectors.rehearsal.jira import workflow
from connectors.rehearsal.jira.catalogue import DEFAULT_PRIORITY, TYPE_NAMES, TYPES, IssueType, Project, User
from connectors.rehearsal.jira.fields import FIELDS, INVALID_INPUT, FieldError, Keep, fields_of, keeper, rich, rich_text
from connectors.rehearsal.jira.history import field_items, hung_item, status_item
from connectors.rehearsal.jira.model import Attachment, Change, Comment, Issue, Link, Properties, changed
from connectors.rehearsal.jira.packing import packed
from connectors.rehearsal.jira.problem import Problem, bad, bad_field
from connectors.rehearsal.jira.store import Store

OFF_SCREEN = "Field '{}' cannot be set. It is not on the appropriate screen, or unknown."
PROPERTY_LIMIT = 32_768  # characters of an entity property's JSON
KEY_LIMIT = 255


class Screen(NamedTuple):
    """The create and edit screen of one project and type, its checks compiled."""

    project: Project
    type: IssueType
    keep: dict[str, Keep]


class Created(NamedTuple):
    issue: Issue
    transition: Problem | None  # what went wrong with the transition that came with the create
    moved: bool  # there was one


class Editor:
    """`millis` is the double's clock in milliseconds, UTC. `secured_share` of new issues are hidden from the reader."""

    def __init__(self, store: Store, millis: Callable[[], int], secured_share: float = 0.0) -> None:
        self.store = store
        self.catalogue = store.catalogue
        self.millis = millis
        self._secured = round(secured_share * 1000)
        self._screens: dict[tuple[int, str, int], Screen] = {}

    def screen(self, project: Project, kind: IssueType, version: int) -> Screen:
        key = (project.id, kind.id, version)
        held = self._screens.get(key)
        if held is None:
            keep = {field.id: keeper(field, self.catalogue, version) for field in fields_of(kind.name)}
            if not self.catalogue.may("MODIFY_REPORTER"):
                del keep["reporter"]
            held = self._screens[key] = Screen(project, kind, keep)
        return held

    # ------------------------------------------------------------ create

    def create(self, update: Any, user: User, version: int, now: int) -> Created:
        """Check and commit one create. Raises Problem (400) with every wrong field."""
        try:
            fields = dict(update["fields"])
        except (KeyError, TypeError, ValueError):
            raise bad_field("fields", "The fields of the issue are missing: send an object.") from None
        screen, errors, parent = self._where(fields, version)
        kept: dict[str, Any] = {}
        if screen:
            self._keep(screen.keep, fields, kept, errors)
            if "summary" not in fields:
                errors["summary"] = "You must specify a summary of the issue."
            if update.get("update"):
                self._operate(screen.keep, update["update"], kept, errors, ())
        properties = properties_of(update.get("properties"))
        if errors or screen is None:
            raise _refusal(errors)
        kept.setdefault("priority", DEFAULT_PRIORITY)
        kept.setdefault("reporter", user.account_id)
        store = self.store
        issue = Issue(
            store.next_id(),
            screen.project,
            store.next_number(screen.project),
            screen.type,
            workflow.FIRST,
            kept,
            properties,
            user.account_id,
            now,
            now,
            parent,
        )
        if self._secured and issue.id * 7919 % 1000 < self._secured:
            issue.secured = True
        store.put(issue, now / 1000)
        if not update.get("transition"):
            return Created(issue, None, False)
        try:
            issue = self.transition(issue, {"transition": update["transition"]}, user, version)
        except Problem as problem:
            return Created(issue, problem, True)
        return Created(issue, None, True)

    def _where(self, fields: dict[str, Any], version: int) -> tuple[Screen | None, dict[str, str], int]:
        """Take project, type and parent out of the fields: the screen that they lead to, errors, the parent's id."""
        errors: dict[str, str] = {}
        asked, kind = fields.pop("project", None), fields.pop("issuetype", None)
        parent_ref = fields.pop("parent", None)
        project = self._project(asked)
        if project is None:
            errors["project"] = "Specify a valid project ID or key"
        elif not self.catalogue.may("CREATE_ISSUES"):
            errors["project"] = "You do not have permission to create issues in this project."
        type_ = _type(kind)
        if type_ is None:
            errors["issuetype"] = "Specify a valid issue type"
        if errors or project is None or type_ is None:
            return None, errors, 0
        parent = 0
        if type_.subtask:
            parent = self._parent(parent_ref, project, errors)
        elif parent_ref is not None:
            errors["parentId"] = "Given parent issue does not belong to appropriate hierarchy."
        return self.screen(project, type_, version), errors, parent

    def _project(self, asked: Any) -> Project | None:
        if type(asked) is not dict:
            return None
        return self.catalogue.project(asked["id"] if "id" in asked else asked.get("key"))

    def _parent(self, asked: Any, project: Project, errors: dict[str, str]) -> int:
        if type(asked) is not dict or not (asked.get("id") or asked.get("key")):
            errors["parent"] = "Issue type is a sub-task but parent issue key or id not specified."
            return 0
        found = self.store.find(str(asked.get("id") or asked.get("key")))
        if found is None or found.secured:
            errors["parent"] = "Could not find issue by id or key."
        elif found.type.subtask:
            errors["parentId"] = "Given parent issue does not belong to appropriate hierarchy."
        elif found.project.id != project.id:
            errors["parentId"] = "Sub-tasks must be created in the same project as the parent."
        else:
            return found.id
        return 0

    def _keep(self, keep: Mapping[str, Keep], fields: Any, kept: dict[str, Any], errors: dict[str, str]) -> None:
        for name, value in fields.items():
            check = keep.get(name)
            if check is None:
                errors[name] = OFF_SCREEN.format(name)
                continue
            try:
                held = check(value)
            except FieldError as error:
                errors[name] = error.message
                continue
            if held is not None and held != ():
                kept[name] = held
            else:
                kept.pop(name, None)

    def _operate(
        self, keep: Mapping[str, Keep], update: Any, kept: dict[str, Any], errors: dict[str, str], fields: Iterable[str]
    ) -> None:
        """Apply `update`: lists of set, add and remove by field."""
        for name, operations in update.items():
            if name in fields:
                errors[name] = f"Field '{name}' cannot be set in both 'fields' and 'update'."
                continue
            field = FIELDS.get(name)
            if field is None or name not in keep:
                errors[name] = OFF_SCREEN.format(name)
                continue
            try:
                for operation in operations:
                    ((verb, value),) = operation.items()
                    if verb not in field.operations:
                        raise FieldError(f"Field does not support the operation '{verb}'.")
                    if verb != "set":
                        one = keep[name]([value])
                        held = tuple(item for item in kept.get(name, ()) if item not in one)
                        kept[name] = held + one if verb == "add" else held
                    else:
                        kept[name] = keep[name](value)
            except FieldError as error:
                errors[name] = error.message
            except (TypeError, ValueError, AttributeError):
                errors[name] = 'Send a list of operations such as [{"set": ...}].'
            if kept.get(name) in (None, ()):
                kept.pop(name, None)

    # ------------------------------------------------------------ edit

    def edit(self, issue: Issue, update: Any, user: User, version: int) -> Issue:
        """Check and commit an edit of fields and properties."""
        if not self.catalogue.may("EDIT_ISSUES"):
            raise Problem(403, ["You do not have permission to edit issues in this project."])
        if type(update) is not dict:
            raise bad("Send an object with fields, update or properties.")
        kept = dict(issue.fields)
        errors: dict[str, str] = {}
        keep = self.screen(issue.project, issue.type, version).keep
        fields, operations = update.get("fields") or {}, dict(update.get("update") or {})
        comments = operations.pop("comment", ())
        bodies = [self.body(operation.get("add", {}).get("body"), version) for operation in comments]
        self._keep(keep, fields, kept, errors)
        self._operate(keep, operations, kept, errors, fields)
        properties = properties_of(update.get("properties"))
        if errors:
            raise _refusal(errors)
        now = self.millis()
        merged = {**(issue.properties or {}), **properties} if properties else issue.properties
        items = field_items(issue.fields, kept)
        if items or properties:
            after = changed(issue, now if items else issue.updated, fields=kept, properties=merged)
            self.store.put(after, now / 1000)
            if items:
                self.store.log(Change(self.store.next_id(), issue.id, user.account_id, now, items))
            issue = after
        for body in bodies:
            issue = self.comment(issue, body, user)
        return issue

    # ------------------------------------------------------------ transition

    def transition(self, issue: Issue, asked: Any, user: User, version: int) -> Issue:
        """Take one step of the workflow. Only what leads away from the current status can be taken."""
        if not self.catalogue.may("TRANSITION_ISSUES"):
            raise Problem(403, ["You do not have permission to transition issues in this project."])
        if type(asked) is not dict or type(asked.get("transition")) is not dict:
            raise bad("Missing 'transition' identifier")
        wanted = str(asked["transition"].get("id", ""))
        if not wanted.isdigit():
            raise bad("Missing 'transition' identifier")
        steps = workflow.steps_from(issue.type.name, issue.status)
        step = next((one for one in steps if one.id == wanted), None)
        if step is None:
            raise bad(
                f"It seems that you have tried to perform an illegal workflow operation: transition {wanted} is not "
                "valid for the current status of the issue."
            )
        kept = dict(issue.fields)
        errors: dict[str, str] = {}
        screen = {"resolution": keeper(FIELDS["resolution"], self.catalogue, version)} if step.screen else {}
        operations = dict(asked.get("update") or {})
        comments = [one.get("add", {}).get("body") for one in operations.pop("comment", ())]
        bodies = [self.body(body, version) for body in comments]
        self._keep(screen, asked.get("fields") or {}, kept, errors)
        self._operate(screen, operations, kept, errors, ())
        if step.screen and "resolution" not in kept and "resolution" not in errors:
            errors["resolution"] = "Resolution is required."
        if errors:
            raise _refusal(errors)
        now = self.millis()
        if step.screen or step.target == "Done":
            kept.setdefault("resolution", "10000")
            kept["resolutiondate"] = now
        if step.reopens:
            kept.pop("resolution", None)
            kept.pop("resolutiondate", None)
        moved = status_item(issue.status.id, issue.status.name, step.to.id, step.to.name)
        items = [moved, *(item for item in field_items(issue.fields, kept) if item["fieldId"] != "resolutiondate")]
        issue = changed(issue, now, fields=kept, status=step.to)
        self.store.put(issue, now / 1000)
        self.store.log(Change(self.store.next_id(), issue.id, user.account_id, now, items))
        for body in bodies:
            issue = self.comment(issue, body, user)
        return issue

    # ------------------------------------------------------------ delete, comment, touch

    def delete(self, issue: Issue, subtasks: bool) -> None:
        if not self.catalogue.may("DELETE_ISSUES"):
            raise Problem(403, ["You do not have permission to delete issues in this project."])
        children = sorted(self.store.children.get(issue.id, ()))
        if children and not subtasks:
            raise bad(f"The issue '{issue.key}' has subtasks. You must specify the 'deleteSubtasks' parameter.")
        now = self.millis() / 1000
        for id_ in children:
            self.store.remove(self.store.issues[id_], now)
        self.store.remove(issue, now)

    def body(self, value: Any, version: int) -> bytes:
        """A comment's text, checked."""
        try:
            body = rich(value) if version == 3 else rich_text(value)
        except FieldError as error:
            if error.message == INVALID_INPUT:
                raise bad(INVALID_INPUT) from None
            said = error.message if type(value) in (dict, str) and error.message.isupper() else ""
            raise bad_field("comment", said or "Comment body is not valid!") from None
        if body is None:
            raise bad_field("comment", "Comment body can not be empty!")
        return body

    def comment(
        self,
        issue: Issue,
        body: bytes,
        user: User,
        visibility: dict[str, Any] | None = None,
        properties: Properties | None = None,
    ) -> Issue:
        now = self.millis()
        id_ = self.store.next_id()
        self.store.hang(Comment(id_, issue.id, user.account_id, body, now, now, visibility, properties))
        return self.touch(issue)

    def edit_comment(
        self, held: Comment, body: bytes, user: User, visibility: dict[str, Any] | None, properties: Properties | None
    ) -> Comment:
        after = replace(
            held,
            body=body,
            updated=self.millis(),
            visibility=visibility or held.visibility,
            properties={**(held.properties or {}), **(properties or {})} or None,
            editor=user.account_id,
        )
        self.store.hang(after)
        self.touch(self.store.issues[held.issue])
        return after

    def delete_comment(self, held: Comment, user: User) -> None:
        """The change log tells that a comment went; that one came it does not tell."""
        self.store.unhang(held)
        self._log(held.issue, user, hung_item("Comment", "a comment", before=str(held.id)))

    def attach(self, issue: Issue, files: Iterable[tuple[str, str, bytes]], user: User) -> list[Attachment]:
        """Hang files (name, type, bytes) on an issue."""
        now = self.millis()
        made = [Attachment(self.store.next_id(), issue.id, user.account_id, *one, now) for one in files]
        for one in made:
            self.store.hang(one)
        self._log(issue.id, user, *(hung_item("Attachment", one.filename, after=str(one.id)) for one in made))
        return made

    def detach(self, held: Attachment, user: User) -> None:
        self.store.unhang(held)
        self._log(held.issue, user, hung_item("Attachment", held.filename, before=str(held.id)))

    def link(self, link: Link, user: User) -> None:
        self.store.link(link)
        for near, far in ((link.inward, link.outward), (link.outward, link.inward)):
            key = self.store.issues[far].key
            self._log(near, user, hung_item("Link", f"This issue is linked to {key}", after=key))

    def unlink(self, link: Link, user: User) -> None:
        self.store.unlink(link)
        for near, far in ((link.inward, link.outward), (link.outward, link.inward)):
            key = self.store.issues[far].key
            self._log(near, user, hung_item("Link", f"This issue is linked to {key}", before=key))

    def _log(self, issue: int, user: User, *items: dict[str, Any]) -> None:
        self.touch(self.store.issues[issue])
        self.store.log(Change(self.store.next_id(), issue, user.account_id, self.millis(), list(items)))

    def touch(self, issue: Issue) -> Issue:
        """What hangs on the issue changed: it counts as updated."""
        now = self.millis()
        after = changed(issue, now)
        self.store.put(after, now / 1000)
        return after

    def move(self, issue: Issue, project: Project) -> Issue:
        """To another project: a new key, the same id; the old key leads to the new one."""
        now = self.millis()
        after = changed(issue, now, project=project, number=self.store.next_number(project))
        self.store.put(after, now / 1000)
        return after

    def set_properties(self, issue: Issue, properties: Properties) -> Issue:
        """Entity properties change without the issue counting as updated."""
        after = changed(issue, issue.updated, properties=properties or None)
        self.store.put(after, self.millis() / 1000)
        return after


def _type(asked: Any) -> IssueType | None:
    if type(asked) is not dict:
        return None
    if "id" in asked:
        return TYPES.get(str(asked["id"]))
    return TYPE_NAMES.get(str(asked.get("name")).casefold())


def _refusal(errors: dict[str, str]) -> Problem:
    """A document that is not well formed is answered without naming its field, as the API does."""
    if INVALID_INPUT in errors.values():
        return bad(INVALID_INPUT)
    return Problem(400, errors=errors)


def property_value(key: str, value: Any) -> bytes:
    """Check one entity property. Raises Problem."""
    if not key or len(key) > KEY_LIMIT:
        raise bad(f"The property key must have 1 to {KEY_LIMIT} characters.")
    kept = packed(value)
    if len(kept) > PROPERTY_LIMIT:
        raise bad(f"The property value is too long: the limit is {PROPERTY_LIMIT} characters.")
    return kept


def properties_of(listed: Any) -> Properties | None:
    if not listed:
        return None
    try:
        return {one["key"]: property_value(one["key"], one["value"]) for one in listed}
    except (KeyError, TypeError):
        raise bad_field("properties", "Send a list of objects with a key and a value.") from None
