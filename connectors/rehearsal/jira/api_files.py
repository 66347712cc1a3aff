"""Endpoints: attachments. Their bytes lie on another host, behind signed URLs that want no credentials."""

from __future__ import annotations

import hashlib
import hmac
import mimetypes
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from connectors.rehearsal.jira.model import Attachment
from connectors.rehearsal.jira.problem import Problem, bad, missing
from connectors.rehearsal.jira.routing import Endpoint
from connectors.rehearsal.jira.site import Call, Result, Site

FILES = 60
MEDIA_LIFE = 600  # seconds a signed URL works
_LOOPBACK = {"127.0.0.1": "localhost", "localhost": "127.0.0.1"}


async def attach(call: Call) -> Result:
    """Multipart, parts named `file`. Without `X-Atlassian-Token: no-check` it counts as forged (403)."""
    issue = call.writing()
    if call.request.headers.get("x-atlassian-token", "").lower() not in ("no-check", "nocheck"):
        raise Problem(403, text="XSRF check failed")
    call.require("CREATE_ATTACHMENTS", "You do not have permission to create attachments for this issue.")
    store, editor, limit = call.site.store, call.site.editor, call.site.options.upload_limit
    files: list[tuple[str, str, bytes]] = []
    try:
        async with call.request.form(max_files=FILES + 1) as form:
            for name, part in form.multi_items():
                if name != "file" or not isinstance(part, UploadFile):
                    continue
                if (part.size or 0) > limit:
                    raise Problem(413, [f"The file is larger than the attachment limit of {limit} bytes."])
                filename = part.filename or "file"
                mime = part.content_type or mimetypes.guess_type(filename)[0] or "application/octet-stream"
                files.append((filename, mime, await part.read()))
    except MultiPartException as error:
        if "Too many files" in error.message:
            raise Problem(413, [f"At most {FILES} files can be attached at once."]) from None
        raise bad("The request is no well-formed multipart form.") from None
    if not files:
        raise bad("No file was attached: send multipart/form-data with a part named 'file'.")
    if len(files) > FILES:
        raise Problem(413, [f"At most {FILES} files can be attached at once."])
    issue = call.issue()  # as it is now: others went on while the files came in
    call.room("attachment", len(store.attachments_of.get(issue.id, ())) + len(files) - 1)
    made = editor.attach(issue, files, call.user)
    return 200, [call.render.attachment(attachment) for attachment in made]


async def settings(call: Call) -> Result:
    return 200, {"enabled": True, "uploadLimit": call.site.options.upload_limit}


def _attachment(call: Call) -> Attachment:
    word = call.path("attachment")
    store = call.site.store
    held = store.attachments.get(int(word)) if word.isdigit() else None
    if held is None or store.issues[held.issue].secured:
        raise missing(f"The attachment with id '{word}' does not exist")
    return held


async def attachment(call: Call) -> Result:
    held = _attachment(call)
    doc: dict[str, Any] = call.render.attachment(held)
    return 200, {**doc, "id": held.id}


async def delete(call: Call) -> Result:
    held = _attachment(call)
    issue = call.site.store.issues[held.issue]
    call.count_write(issue)
    call.require("DELETE_ALL_ATTACHMENTS", "You do not have permission to delete this attachment.")
    call.site.editor.detach(held, call.user)
    return 204, None


async def content(call: Call) -> Result:
    """A redirect to the media host, unless `redirect=false` asks for the bytes themselves."""
    held = _attachment(call)
    if not call.flag("redirect", True):
        return _bytes(held, call.request)
    expires = int(call.site.now().timestamp()) + MEDIA_LIFE
    root = urlsplit(call.base)
    host = _LOOPBACK.get(root.hostname or "", root.hostname or "")
    port = f":{root.port}" if root.port else ""
    url = f"{root.scheme}://{host}{port}/media/{held.id}?expires={expires}&token={_token(call.site, held.id, expires)}"
    return Response(status_code=303, headers={"Location": url})


def _token(site: Site, id_: int, expires: int) -> str:
    return hmac.new(site.secret.encode(), f"{id_}:{expires}".encode(), hashlib.sha256).hexdigest()


def media_routes(site: Site) -> Sequence[Route]:
    """The media host: outside of the API, without its authentication."""

    async def media(request: Request) -> Response:
        if "authorization" in request.headers:
            return PlainTextResponse("Only one auth mechanism allowed", 400)
        id_, expires = request.path_params["id"], request.query_params.get("expires", "0")
        token = _token(site, id_, int(expires) if expires.isdigit() else 0)
        if not hmac.compare_digest(token, request.query_params.get("token", "")):
            return PlainTextResponse("The token is not valid", 403)
        if int(expires) < site.now().timestamp():
            return PlainTextResponse("The token has expired", 403)
        held = site.store.attachments.get(id_)
        return _bytes(held, request) if held else PlainTextResponse("Not found", 404)

    return [Route("/media/{id:int}", media, methods=["GET"])]


def _bytes(held: Attachment, request: Request) -> Response:
    headers = {"Accept-Ranges": "bytes", "Content-Disposition": "attachment"}
    asked = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
    if not asked:
        return Response(held.content, 200, headers, held.mime)
    size = len(held.content)
    first = int(asked[1])
    last = min(int(asked[2] or size - 1), size - 1)
    if first > last:
        return Response(status_code=416, headers={"Content-Range": f"bytes */{size}"})
    headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    return Response(held.content[first : last + 1], 206, headers, held.mime)


ENDPOINTS = [
    Endpoint("POST", "/issue/{issue}/attachments", attach),
    Endpoint("GET", "/attachment/meta", settings, "empty", nothing={"enabled": True, "uploadLimit": 1 << 30}),
    Endpoint("GET", "/attachment/content/{attachment}", content, "hidden"),
    Endpoint("GET", "/attachment/{attachment}", attachment, "hidden"),
    Endpoint("DELETE", "/attachment/{attachment}", delete),
]
