"""Import sets: rows go into a staging table, a transform map makes records of them, coalescing on the external id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.rehearsal.servicenow import rules
from connectors.rehearsal.servicenow.answers import answer, base_url, body_of, guarded
from connectors.rehearsal.servicenow.auth import Caller
from connectors.rehearsal.servicenow.dictionary import SYS_ID
from connectors.rehearsal.servicenow.rules import How, Refusal
from connectors.rehearsal.servicenow.store import Row, Table
from connectors.rehearsal.servicenow.table_api import VERSIONS

if TYPE_CHECKING:
    from connectors.rehearsal.servicenow.double import ServiceNowDouble

MAP = "Mig incident"
STAGING, TARGET, COALESCE = "u_mig_incident", "incident", ("u_ext", "correlation_id")
_FIELDS = {
    "u_short": "short_description",
    "u_description": "description",
    "u_impact": "impact",
    "u_urgency": "urgency",
    "u_state": "state",
    "u_close_code": "close_code",
    "u_close_notes": "close_notes",
}
_RAW = How(raw=True)


class ImportApi:
    def __init__(self, double: ServiceNowDouble) -> None:
        self._double = double

    def routes(self) -> list[Route]:
        double, made = self._double, []
        for version in VERSIONS:
            path = f"/api/now{version}/import/{{staging}}"
            made += [
                Route(path, guarded(double, self._one), methods=["POST"]),
                Route(f"{path}/insertMultiple", guarded(double, self._many), methods=["POST"]),
                Route(f"{path}/{{sys_id}}", guarded(double, self._read), methods=["GET"]),
            ]
        return made

    def _staging(self, request: Request) -> Table:
        name = request.path_params["staging"]
        if name != STAGING:
            raise Refusal(400, f"Invalid staging table {name}", f"This instance has the staging table {STAGING}")
        return self._double.store.tables[STAGING]

    def _set(self, caller: Caller) -> Row:
        """A new import set."""
        double, table = self._double, self._double.store.tables["sys_import_set"]
        row = list(table.template)
        row[SYS_ID] = double.new_id()
        row[table.at["number"]] = double.store.number(table)
        row[table.at["table_name"]] = STAGING
        double.commit(table, row)
        return row

    async def _one(self, request: Request, caller: Caller) -> Response:
        staging = self._staging(request)
        body = await body_of(request)
        batch = self._set(caller)
        row = rules.create(self._double, staging, {**body, "sys_import_set": batch[SYS_ID]}, caller)
        result = self._transform(staging, row[SYS_ID], caller, base_url(request))
        number = batch[self._double.store.tables["sys_import_set"].at["number"]]
        return answer({"import_set": number, "staging_table": STAGING, "result": [result]}, 201)

    async def _many(self, request: Request, caller: Caller) -> Response:
        """Answers as soon as the rows are staged; the transform runs after the answer has left."""
        staging = self._staging(request)
        records = (await body_of(request)).get("records")
        if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
            raise Refusal(400, "Invalid request", "records must be a list of objects")
        labels = {column.label: column.name for column in staging.columns}
        batch = self._set(caller)[SYS_ID]
        staged = []
        for record in records:
            named = {labels.get(name, name): value for name, value in record.items()}
            staged.append(rules.create(self._double, staging, {**named, "sys_import_set": batch}, caller)[SYS_ID])
        base = base_url(request)

        def transform() -> None:
            for sys_id in staged:
                self._transform(staging, sys_id, caller, base)

        made = answer({"import_set_id": batch, "multi_import_set_id": self._double.new_id()}, 201)
        made.background = BackgroundTask(_later, transform)
        return made

    async def _read(self, request: Request, caller: Caller) -> Response:
        staging, double = self._staging(request), self._double
        row = double.readable(staging, request.path_params["sys_id"], caller)
        sets = double.store.tables["sys_import_set"]
        batch = sets.get(row[staging.at["sys_import_set"]])
        number = batch[sets.at["number"]] if batch else ""
        result = self._result(staging, row, base_url(request))
        return answer({"import_set": number, "staging_table": STAGING, "result": [result]})

    def _transform(self, staging: Table, sys_id: str, caller: Caller, base: str) -> dict[str, Any]:
        """Make or change the target record of a staged row; the row keeps what became of it."""
        double, row = self._double, staging.own[sys_id]
        state, target, comment = self._apply(staging, row, caller)
        done = {
            "sys_import_state": state, "sys_target_table": TARGET, "sys_target_sys_id": target,
            "sys_import_state_comment": comment, "sys_transform_map": MAP,
        }  # fmt: skip
        rules.update(double, staging, sys_id, done, caller, _RAW)
        return self._result(staging, staging.own[sys_id], base)

    def _apply(self, staging: Table, row: Row, caller: Caller) -> tuple[str, str, str]:
        """State, sys_id of the target, comment."""
        double, target = self._double, self._double.store.tables[TARGET]
        key = row[staging.at[COALESCE[0]]]
        if not key:
            return "skipped", "", f"Row skipped: {COALESCE[0]} is empty"
        wanted = {field: row[staging.at[name]] for name, field in _FIELDS.items() if row[staging.at[name]]}
        mail = row[staging.at["u_caller"]]
        people = double.store.tables["sys_user"].lookup("email", (mail,)) if mail else []
        if people:
            wanted["caller_id"] = people[0][SYS_ID]
        try:
            there = target.lookup(COALESCE[1], (key,))
            if not there:
                made = rules.create(double, target, {**wanted, COALESCE[1]: key}, caller)
                return "inserted", made[SYS_ID], ""
            before = there[0]
            after = rules.update(double, target, before[SYS_ID], wanted, caller)
            return ("ignored" if after is before else "updated"), before[SYS_ID], ""
        except Refusal as refusal:
            return "error", "", refusal.detail

    def _result(self, staging: Table, row: Row, base: str) -> dict[str, Any]:
        target = self._double.store.tables[TARGET]
        state, sys_id = row[staging.at["sys_import_state"]], row[staging.at["sys_target_sys_id"]]
        result: dict[str, Any] = {"transform_map": MAP, "table": TARGET}
        there = target.get(sys_id)
        if there is not None:
            result |= {
                "display_name": target.definition.display,
                "display_value": there[target.display],
                "record_link": f"{base}/api/now/table/{TARGET}/{sys_id}",
            }
        result["status"] = state
        if sys_id:
            result["sys_id"] = sys_id
        comment = row[staging.at["sys_import_state_comment"]]
        if comment:
            result["error_message" if state == "error" else "status_message"] = comment
        return result


async def _later(transform: Any) -> None:
    transform()
