"""Signing in: fixed credentials, tokens that end with calls in flight, certificates."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import ipaddress
import ssl
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connectors.kit.auth import auth_for
from connectors.kit.contract import Connection
from connectors.kit.errors import Misconfigured, Throttled, Unavailable
from tests.kit.ports import plain_ports
from tests.kit.sockets import Request, Server, always, answer, http_to, serving


def connection(url: str = "http://vendor.invalid", **auth: str) -> Connection:
    return Connection("vendor", "test", url, auth=auth)


class Desk:
    """A token desk and a guarded resource. A token serves until `revoke`."""

    def __init__(self, expires_in: int = 3600) -> None:
        self.issued = 0
        self.valid = ""
        self.forms: list[dict[str, str]] = []
        self.expires_in = expires_in
        self.refuse_refresh = False

    async def __call__(self, server: Server, request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(self._token(request) if request.target == "/token" else self._resource(request))
        await writer.drain()

    def _token(self, request: Request) -> bytes:
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        self.forms.append(form)
        if form["grant_type"] == "refresh_token" and self.refuse_refresh:
            return answer(400, {"error": "invalid_grant"})
        self.issued += 1
        self.valid = f"token-{self.issued}"
        return answer(
            200, {"access_token": self.valid, "expires_in": self.expires_in, "refresh_token": f"again-{self.issued}"}
        )

    def _resource(self, request: Request) -> bytes:
        good = request.headers.get("authorization") == f"Bearer {self.valid}"
        return answer(200, {"ok": True}) if good else answer(401, {"error": "expired"})


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ({"kind": "basic", "user": "ä", "password": "p:w"}, "authorization", "Basic "),
        ({"kind": "bearer", "token": "t"}, "authorization", "Bearer t"),
        ({"kind": "api_key", "key": "k"}, "x-sn-apikey", "k"),
        ({"kind": "api_key", "key": "k", "header": "X-Mine"}, "x-mine", "k"),
    ],
)
def test_a_fixed_credential_is_on_every_call(auth, header, value):
    async def run():
        ports = plain_ports()
        async with serving(always(answer(200, {}))) as server:
            credential = auth_for(connection(server.url, **auth), ports.clock, api_key_header="x-sn-apikey")
            async with http_to(server.url, ports, auth=credential) as http:
                await http.json("GET", "/x", scope="read")
        assert server.requests[0].headers[header].startswith(value)
        if value == "Basic ":
            assert base64.b64decode(server.requests[0].headers[header].removeprefix(value)).decode() == "ä:p:w"

    asyncio.run(run())


def test_a_refused_credential_is_misconfigured_at_once_and_never_shown():
    async def run():
        ports = plain_ports()
        async with serving(always(answer(401, {}))) as server:
            credential = auth_for(connection(server.url, user="u", password="SECRET"), ports.clock)
            async with http_to(server.url, ports, auth=credential) as http:
                with pytest.raises(Misconfigured, match="credentials") as caught:
                    await http.json("POST", "/x", scope="write", json={})
        assert len(server.requests) == 1
        assert "SECRET" not in str(caught.value) + repr(credential)

    asyncio.run(run())


def test_a_token_that_ends_with_500_calls_in_flight_is_renewed_once():
    async def run():
        ports, desk = plain_ports(), Desk()
        async with serving(desk) as server:
            auth = auth_for(
                connection(server.url, kind="oauth2", client_id="c", client_secret="s", user="u", password="p"),
                ports.clock,
                token_url="/token",
            )
            async with http_to(server.url, ports, auth=auth) as http:
                await http.json("GET", "/x", scope="read")
                desk.valid = "revoked"
                calls = [http.json("POST", "/x", scope="write", json={"n": n}) for n in range(500)]
                replies = await asyncio.gather(*calls)
        assert {r.status for r in replies} == {200}
        assert desk.issued == 2
        assert [f["grant_type"] for f in desk.forms] == ["password", "refresh_token"]

    asyncio.run(run())


def test_a_token_is_renewed_before_it_expires():
    async def run():
        ports, desk = plain_ports(), Desk(expires_in=1)
        async with serving(desk) as server:
            auth = auth_for(
                connection(server.url, kind="oauth2", client_id="c", client_secret="s"), ports.clock, token_url="/token"
            )
            async with http_to(server.url, ports, auth=auth) as http:
                await http.json("GET", "/x", scope="read")
                await asyncio.sleep(0.6)
                await http.json("GET", "/x", scope="read")
        assert desk.issued == 2
        assert sum(r.target == "/x" for r in server.requests) == 2, "no call was refused"

    asyncio.run(run())


def test_a_refresh_token_that_ended_falls_back_to_the_first_grant():
    async def run():
        ports, desk = plain_ports(), Desk()
        desk.refuse_refresh = True
        async with serving(desk) as server:
            auth = auth_for(
                connection(server.url, kind="oauth2", client_id="c", client_secret="s", user="u", password="p"),
                ports.clock,
                token_url="/token",
            )
            async with http_to(server.url, ports, auth=auth) as http:
                await http.json("GET", "/x", scope="read")
                desk.valid = "revoked"
                await http.json("GET", "/x", scope="read")
        assert [f["grant_type"] for f in desk.forms] == ["password", "refresh_token", "password"]

    asyncio.run(run())


@pytest.mark.parametrize(
    ("given", "error"),
    [(answer(401, {}), Misconfigured), (answer(503), Unavailable), (answer(429, {}, Retry_After="9"), Throttled)],
)
def test_when_no_token_comes_the_call_was_not_sent(given, error):
    async def run():
        ports = plain_ports()
        async with serving(always(given)) as server:
            auth = auth_for(
                connection(server.url, kind="oauth2", client_id="c", client_secret="s"), ports.clock, token_url="/token"
            )
            async with http_to(server.url, ports, auth=auth, attempts=1) as http:
                with pytest.raises(error):
                    await http.json("POST", "/x", scope="write", json={})
        assert {r.target for r in server.requests} == {"/token"}

    asyncio.run(run())


@pytest.mark.parametrize(
    ("auth", "word"),
    [
        ({"kind": "basic", "user": "u"}, "password"),
        ({"kind": "oauth2"}, "client_id"),
        ({"kind": "oauth2", "client_id": "c", "grant": "magic"}, "magic"),
        ({"kind": "kerberos"}, "kerberos"),
    ],
)
def test_what_is_missing_or_unknown_is_named(auth, word):
    with pytest.raises(Misconfigured, match=word):
        auth_for(connection(**auth), plain_ports().clock)


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    trusted = folder / "ca.pem"
    trusted.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context, trusted


@pytest.mark.parametrize("transport", ["aiohttp", "httpx"])
def test_a_certificate_nobody_trusts_is_misconfigured_until_its_issuer_is_named(tmp_path, transport):
    async def run():
        context, trusted = certificate(tmp_path)
        ports = plain_ports()
        async with serving(always(answer(200, {})), tls=context) as server:
            async with http_to(server.url, ports, transport=transport) as http:
                with pytest.raises(Misconfigured, match="ca_file"):
                    await http.json("POST", "/x", scope="write", json={})
            async with http_to(server.url, ports, transport=transport, ca_file=str(trusted)) as http:
                assert (await http.json("POST", "/x", scope="write", json={})).status == 200
            async with http_to(server.url, ports, transport=transport, verify=False) as http:
                assert (await http.json("POST", "/x", scope="write", json={})).status == 200

    asyncio.run(run())


def test_a_certificate_file_that_is_missing_is_named():
    async def run():
        with pytest.raises(Misconfigured, match="nowhere"):
            async with http_to("https://127.0.0.1:1", plain_ports(), ca_file="/nowhere.pem"):
                pass

    asyncio.run(run())
