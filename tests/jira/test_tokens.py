"""Tokens of OAuth run out. Jira does not always say so: to many calls it answers as to a stranger."""

from __future__ import annotations

import asyncio

import pytest

from connectors.jira import connect
from connectors.kit.contract import Connection, Scope
from connectors.kit.errors import Misconfigured
from connectors.rehearsal.jira import TOKEN, USER, JiraDouble
from tests.jira.desk import QUICK, ids, write
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
