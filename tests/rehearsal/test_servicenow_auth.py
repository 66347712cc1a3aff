"""Who may call the ServiceNow double, and how a token ends."""

from __future__ import annotations

import time
from typing import Any

import httpx

from connectors.rehearsal.faults import Rule
from connectors.rehearsal.seed import Dataset
from connectors.rehearsal.servicenow import ServiceNowDouble, Settings
from tests.rehearsal.running import running

ONE = "/api/now/table/incident?sysparm_limit=1"
CLIENT = {"client_id": "cutover-client", "client_secret": "rehearsal"}


def small(**options: Any) -> ServiceNowDouble:
    return ServiceNowDouble(dataset=Dataset(1, 5), **options)


def test_without_good_credentials_there_is_a_401() -> None:
    with running(small()) as url:
        for auth in (None, ("cutover", "wrong"), ("nobody", "rehearsal")):
            answer = httpx.get(url + ONE, auth=auth)
            assert answer.status_code == 401
            assert answer.json() == {
                "error": {
                    "message": "User Not Authenticated",
                    "detail": "Required to provide Auth information",
                },
                "status": "failure",
            }


def test_an_api_key_opens_and_a_session_cookie_reads() -> None:
    double = small()
    with running(double) as url, httpx.Client(base_url=url) as client:
        assert client.get(ONE, headers={"x-sn-apikey": "rehearsal-key"}).status_code == 200
        assert client.get(ONE, headers={"x-sn-apikey": "other"}).status_code == 401
        assert client.get(ONE, auth=("cutover", "rehearsal")).status_code == 200
        assert client.get(ONE).status_code == 200  # by the cookie
        assert client.post("/api/now/table/incident", json={}).status_code == 401
        assert double.door.sessions == 1
        client.cookies.clear()
        client.get(ONE, auth=("cutover", "rehearsal"))
        assert double.door.sessions == 2  # a client without a cookie jar fills the pool


def test_a_token_is_granted_ends_and_is_refreshed() -> None:
    with running(small(settings=Settings(token_seconds=0.4))) as url, httpx.Client(base_url=url) as client:
        form = {"grant_type": "password", "username": "cutover", "password": "rehearsal", **CLIENT}
        made = client.post("/oauth_token.do", data=form).json()
        assert (made["token_type"], made["scope"]) == ("Bearer", "useraccount")
        bearer = {"Authorization": f"Bearer {made['access_token']}"}
        assert client.get(ONE, headers=bearer).status_code == 200
        deadline = time.monotonic() + 5
        while client.get(ONE, headers=bearer).status_code == 200:
            assert time.monotonic() < deadline, "the token did not end"
        form = {"grant_type": "refresh_token", "refresh_token": made["refresh_token"], **CLIENT}
        again = client.post("/oauth_token.do", data=form).json()
        assert client.get(ONE, headers={"Authorization": f"Bearer {again['access_token']}"}).status_code == 200
        wrong = client.post("/oauth_token.do", data={**form, "client_secret": "wrong"})
        assert (wrong.status_code, wrong.json()["error"]) == (401, "access_denied")


def test_a_token_outlives_a_restart_and_can_be_taken_away_by_a_fault() -> None:
    with running(small()) as url:
        form = {"grant_type": "client_credentials", **CLIENT}
        token = httpx.post(f"{url}/oauth_token.do", data=form).json()["access_token"]
    double = small()
    with running(double) as url, httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}) as client:
        double.faults.add(Rule("GET /api/now/table", "token_expired"))
        assert client.get(ONE).status_code == 401
        assert client.get(ONE).status_code == 200
