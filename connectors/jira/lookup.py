"""Issues that were there before us, found by the value of one field.

A search finds candidates (of texts: what holds the words), and the read by id, which does not lag, says which of them
have exactly this value. What was created within the search's lag is not found.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connectors.jira import fetch
from connectors.jira.canonical import Forms
from connectors.jira.census import clause_of
from connectors.jira.client import Client
from connectors.jira.jql import among, conjunction, quote
from connectors.jira.meta import Meta
from connectors.jira.readback import signed, standing_of
from connectors.jira.shape import is_rich
from connectors.kit.contract import Fields, Standing
from connectors.kit.errors import Misconfigured

VALUES = 40  # of one search: a query has a longest length
PAGE = 1_000
MOST = 5_000  # issues that one search may find

_ITSELF = ("key", "id")


class LookingUp:
    """Looks issues up."""

    def __init__(self, client: Client, meta: Meta, forms: Forms) -> None:
        self._client = client
        self._meta = meta
        self._forms = forms
        self._property = client.options.external_id.property

    async def of(self, field: str, values: Sequence[str]) -> dict[str, list[Standing]]:
        found: dict[str, list[Standing]] = {value: [] for value in values}
        projects = await self._meta.projects()
        if not projects:
            return found
        await self._forms.learn([field])
        id = self._forms.id_of(field)
        if id in _ITSELF:
            return found | await self._named(projects, id, values)
        by_words = self._searched_by_words(field, id)
        asked: dict[Any, list[str]] = {}  # by their form: 17 and 17.0 are one number
        for value in values:
            form = self._forms.value(field, value)
            if form is not None and (not by_words or any(sign.isalnum() for sign in value)):
                asked.setdefault(form, []).append(value)
        forms = list(asked)
        for at in range(0, len(forms), VALUES):
            some = {form: asked[form] for form in forms[at : at + VALUES]}
            words = [texts[0] for texts in some.values()]
            for issue in await self._candidates(projects, id, words, by_words=by_words):
                for text in some.get(self._forms.value(field, issue["fields"].get(id)), ()):
                    found[text].append(self._standing(issue))
        return found

    async def _named(self, projects: Sequence[str], id: str, values: Sequence[str]) -> dict[str, list[Standing]]:
        names = [value for value in values if _may_name(id, value)]
        asked = ["project", "status", "parent", "updated"]
        there = await fetch.issues(self._client, names, asked, [self._property]) if names else []
        ours = [issue for issue in there if issue["fields"]["project"]["key"] in projects and str(issue[id]) in names]
        return {str(issue[id]): [self._standing(issue)] for issue in ours}

    def _searched_by_words(self, field: str, id: str) -> bool:
        schema = self._forms.schemas.get(id)
        if schema is None:
            raise Misconfigured(f"Jira has no field '{field}'", hint="Name another under `existing: match`.")
        kind = str(schema.get("type"))
        if is_rich(schema) or kind not in ("string", "number"):
            hint = "Use a text field of one line, a number, `key` or `id` under `existing: match`."
            raise Misconfigured(f"issues cannot be looked up by the field '{field}'", hint=hint)
        return kind == "string"

    async def _candidates(
        self, projects: Sequence[str], id: str, values: Sequence[str], *, by_words: bool
    ) -> list[Fields]:
        clause = clause_of(id)
        if by_words:
            wanted = " OR ".join(f"{clause} ~ {quote(_phrase(value))}" for value in values)
        else:
            wanted = among(clause, values)
        query = conjunction([among("project", projects), f"({wanted})"], "key ASC")
        ids: dict[str, None] = {}
        token, used = "", set[str]()
        while True:
            body: Fields = {"jql": query, "maxResults": PAGE, "fields": ["id"]}
            if token:
                body["nextPageToken"] = token
            answer = await self._client.ask("/search/jql", body, scope="search")
            ids |= dict.fromkeys(str(issue["id"]) for issue in answer.get("issues") or ())
            token = str(answer.get("nextPageToken") or "")
            if len(ids) > MOST:
                hint = "Match by a field whose values are not words of others."
                raise Misconfigured(f"a look-up of {len(values)} issues finds more than {MOST:,}", hint=hint)
            if not token or token in used:
                break
            used.add(token)
        return await fetch.issues(self._client, list(ids), [id, "status", "parent", "updated"], [self._property])

    def _standing(self, issue: Fields) -> Standing:
        return standing_of(issue, signed(issue, self._property), {})


def _phrase(value: str) -> str:
    """A text to be found word for word, in this order."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _may_name(id: str, value: str) -> bool:
    """Whether an issue can be called so: a call for ids or keys that are none of either is refused whole."""
    head, _, number = value.rpartition("-")
    return value.isdigit() if id == "id" else bool(head) and head.replace("_", "").isalnum() and number.isdigit()
