"""The Aggregate API: count, sum, avg, min, max; whole or by group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.rehearsal.servicenow.answers import answer, guarded, truth
from connectors.rehearsal.servicenow.auth import Caller
from connectors.rehearsal.servicenow.query import walk
from connectors.rehearsal.servicenow.store import Row, Table
from connectors.rehearsal.servicenow.table_api import VERSIONS

if TYPE_CHECKING:
    from connectors.rehearsal.servicenow.double import ServiceNowDouble


class StatsApi:
    def __init__(self, double: ServiceNowDouble) -> None:
        self._double = double

    def routes(self) -> list[Route]:
        endpoint = guarded(self._double, self._stats)
        return [Route(f"/api/now{version}/stats/{{table}}", endpoint, methods=["GET"]) for version in VERSIONS]

    async def _stats(self, request: Request, caller: Caller) -> Response:
        double, params = self._double, request.query_params
        table = double.table(request.path_params["table"], caller)
        query = params.get("sysparm_query", "")
        names = [name for name in params.get("sysparm_group_by", "").split(",") if name]
        groups = [(name, path) for name in names if (path := walk(double.store, table, name)) is not None]
        aggregates = {
            kind: [name for name in params.get(f"sysparm_{kind}_fields", "").split(",") if name]
            for kind in ("sum", "avg", "min", "max")
        }
        if not groups and not any(aggregates.values()):
            total = double.find(table, query, caller, 0, 0).total
            return answer({"result": {"stats": {"count": str(total)} if truth(request, "sysparm_count") else {}}})
        rows = double.all(table, query, caller)
        if not groups:
            return answer({"result": {"stats": self._of(request, table, rows, aggregates)}})
        parts: dict[tuple[str, ...], list[Row]] = {}
        for row in rows:
            parts.setdefault(tuple(path.get(row) for _, path in groups), []).append(row)
        return answer({"result": [
            {
                "stats": self._of(request, table, part, aggregates),
                "groupby_fields": [
                    {"field": name, "value": value} for (name, _), value in zip(groups, values, strict=True)
                ],
            }
            for values, part in parts.items()
        ]})  # fmt: skip

    def _of(self, request: Request, table: Table, rows: list[Row], aggregates: dict[str, list[str]]) -> dict[str, Any]:
        made: dict[str, Any] = {"count": str(len(rows))} if truth(request, "sysparm_count") else {}
        for kind, names in aggregates.items():
            figures = {}
            for name in names:
                path = walk(self._double.store, table, name)
                if path is not None:
                    figures[name] = _aggregate(kind, [value for row in rows if (value := path.get(row))])
            if figures:
                made[kind] = figures
        return made


def _aggregate(kind: str, values: list[str]) -> str:
    if not values:
        return ""
    try:
        numbers = [float(value) for value in values]
    except ValueError:
        return {"min": min(values), "max": max(values)}.get(kind, "")
    match kind:
        case "avg":
            return f"{sum(numbers) / len(numbers):.4f}"
        case "sum":
            return f"{sum(numbers):g}"
    return f"{min(numbers) if kind == 'min' else max(numbers):g}"
