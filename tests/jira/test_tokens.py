"""Tokens of OAuth run out. Jira does not always say so: to many calls it answers as to a stranger."""

from __future__ import annotations

import asyncio

import pytest
import starlette.types
from starlette.types import ASGIApp, Message, Receive, Send

from connectors.jira import connect
from connectors.kit.contract import Connection, Scope
from connectors.kit.errors import InDoubt, Misconfigured
from connectors.rehearsal.jira import TOKEN, USER, JiraDouble
from tests.jira.desk import QUICK, doubts, ids, write
from tests.kit.ports import plain_ports
from tests.rehearsal.running import running

OAUTH = {"kind": "oauth2", "client_id": "cutover", "client_secret": "rehearsal", "token_url": "/oauth/token"}


def test_a_token_that_ran_out_is_renewed_although_jira_only_takes_us_for_a_stranger() -> None:
    double = JiraDouble()

    async def body(url: str) -> None:
        jira = connect(Connection("jira", "jira", url, OAUTH, QUICK), plain_ports())
        try:
            (made,) = await ids(jira, write(1))
            double.site.auth.expire()
            assert await jira.count(Scope("issue")) == 1  # to a stranger: 200, and nothing is there
            double.site.auth.expire()
            assert await jira.children(Scope("comment"), [made]) == []  # to a stranger: 404
            assert (double.answers[401], double.calls["POST /oauth/token"]) == (0, 3)
        finally:
            await jira.close()

    with running(double) as url:
        asyncio.run(body(url))


def test_a_password_that_is_refused_is_said_at_once() -> None:
    async def body(url: str) -> None:
        auth = {"kind": "basic", "user": USER, "password": TOKEN + "x"}
        jira = connect(Connection("jira", "jira", url, auth, QUICK), plain_ports())
        try:
            with pytest.raises(Misconfigured):
                await jira.fetch(Scope("issue"), ["10000"])
        finally:
            await jira.close()

    with running(JiraDouble()) as url:
        asyncio.run(body(url))


class ToStrangers:
    """A site where anybody may create issues, and which refuses our token when they do."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: starlette.types.Scope, receive: Receive, send: Send) -> None:
        async def as_a_stranger(message: Message) -> None:
            if message["type"] == "http.response.start" and scope["path"].endswith("/issue/bulk"):
                message["headers"] = [*message["headers"], (b"x-seraph-loginreason", b"AUTHENTICATED_FAILED")]
            await send(message)

        await self.app(scope, receive, as_a_stranger)


def test_what_jira_let_a_stranger_create_is_in_doubt_and_is_found_not_sent_again() -> None:
    async def body(url: str) -> None:
        jira = connect(Connection("jira", "jira", url, OAUTH, QUICK), plain_ports())
        try:
            writes = [write(1), write(2)]
            doubtful = await doubts(jira, "issue", writes)
            with pytest.raises(InDoubt, match="API token that is still valid"):
                await jira.create("issue", writes)
            assert len(await jira.find("issue", doubtful)) == 2
        finally:
            await jira.close()

    double = JiraDouble()
    double.app.add_middleware(ToStrangers)
    with running(double) as url:
        asyncio.run(body(url))
