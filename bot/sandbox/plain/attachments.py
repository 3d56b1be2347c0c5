"""Attachments: a place asked for, a file sent there by a form, and a thread that names them."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import PurePosixPath
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from bot.sandbox.plain import rules
from bot.sandbox.plain.nouns import Attachment, Customer, DateTime, Input
from bot.sandbox.plain.rules import Findings, invalid, not_found
from bot.sandbox.plain.world import PlainWorld

MOST_FILES = 25
MOST_BYTES = 6_000_000
URL_SECONDS = 2 * 3600.0
UNNAMED_SECONDS = 24 * 3600.0
"""An attachment that nothing names is deleted after that."""

BANNED = frozenset(
    {"bat", "bin", "chm", "com", "cpl", "crt", "exe", "hlp", "hta", "inf", "ins", "isp"}
    | {"jse", "lnk", "mdb", "msc", "msi", "msp", "mst", "pcd", "pif", "reg", "scr", "sct"}
    | {"shs", "vba", "vbe", "vbs", "wsf", "wsh", "wsl"}
)

_NAME = re.compile(rb'name="([^"]*)"')


def create_upload_url(world: PlainWorld, given: Input) -> dict[str, Any]:
    """Create a place to upload one file to.

    https://www.plain.com/docs/api-reference/graphql/attachments
    """
    found = Findings()
    rules.text(found, "fileName", given["fileName"])
    size = given["fileSizeBytes"]
    if size < 1:
        found.add("fileSizeBytes", "This must be at least 1.")
    found.settle()
    if world.by_id(world.customers, given["customerId"]) is None:
        raise not_found("customer", "customerId")
    name = given["fileName"]
    extension = PurePosixPath(name).suffix.lstrip(".")
    if extension.lower() in BANNED:
        raise invalid("attachment_file_type_not_allowed", "Files of this kind are not allowed.")
    if size > MOST_BYTES:
        raise invalid("attachment_file_size_too_large", "The file is too large.")
    attachment = Attachment(
        id=world.ids.new("att"),
        customer_id=given["customerId"],
        file_name=name,
        file_extension=extension or None,
        file_mime_type=mimetypes.guess_type(name)[0] or "application/octet-stream",
        size=size,
        type=given["attachmentType"],
        **world.stamp(),
    )
    world.attachments.append(attachment)
    form = {"key": f"attachments/{attachment.id}", "policy": "sandbox", "x-amz-signature": "0f5a"}
    return {
        "attachment_upload_url": {
            "attachment": attachment,
            "upload_form_url": f"{world.base_url}/uploads/{attachment.id}",
            "upload_form_data": [{"key": key, "value": value} for key, value in form.items()],
            "expires_at": DateTime(attachment.created_at.at + URL_SECONDS),
        }
    }


def named(world: PlainWorld, ids: Sequence[str], customer: Customer) -> list[Attachment]:
    """Return the attachments that a new thread of the customer's names."""
    now = world.clock()
    found = {
        one.id: one
        for one in world.attachments
        if one.customer_id == customer.id
        and one.type == "CUSTOM_TIMELINE_ENTRY"
        and (one.is_named or now - one.created_at.at < UNNAMED_SECONDS)
    }
    missing = [f"attachmentIds.{index}" for index, id_ in enumerate(ids) if id_ not in found]
    if missing:
        raise not_found("attachment", *missing)
    chosen = [found[id_] for id_ in ids]
    if world.uploads_unseen > 0 and chosen:
        world.uploads_unseen -= 1
        raise invalid("attachment_not_uploaded", "An attachment was not uploaded.")
    if any(one.content is None for one in chosen):
        raise invalid("attachment_not_uploaded", "An attachment was not uploaded.")
    if len(chosen) > MOST_FILES or sum(one.size for one in chosen) > MOST_BYTES:
        raise invalid("attachment_file_size_too_large", "The attachments are too large together.")
    return chosen


async def take(world: PlainWorld, request: Request) -> Response:
    """Take the form with a file as a bucket does: all fields first, then the file, to the byte."""
    attachment = next(
        (one for one in world.attachments if one.id == request.path_params["attachment"]), None
    )
    if attachment is None or world.clock() > attachment.created_at.at + URL_SECONDS:
        return PlainTextResponse("AccessDenied", HTTPStatus.FORBIDDEN)
    if "content-length" not in request.headers:
        return PlainTextResponse("MissingContentLength", HTTPStatus.LENGTH_REQUIRED)
    if "authorization" in request.headers:
        return PlainTextResponse("Only one auth mechanism allowed", HTTPStatus.BAD_REQUEST)
    fields = _fields(request.headers.get("content-type", ""), await request.body())
    wanted = ["key", "policy", "x-amz-signature", "file"]
    if [name for name, _ in fields] != wanted or fields[0][1].decode() != (
        f"attachments/{attachment.id}"
    ):
        return PlainTextResponse("InvalidPolicyDocument", HTTPStatus.FORBIDDEN)
    content = fields[-1][1]
    if len(content) != attachment.size:
        large = len(content) > attachment.size
        return PlainTextResponse(
            "EntityTooLarge" if large else "EntityTooSmall", HTTPStatus.BAD_REQUEST
        )
    attachment.content = content
    return Response(status_code=HTTPStatus.NO_CONTENT)


def _fields(content_type: str, body: bytes) -> list[tuple[str, bytes]]:
    """Return the form's fields in their order; none where it is no such form."""
    kind, _, boundary = content_type.partition("boundary=")
    if not kind.startswith("multipart/form-data") or not boundary:
        return []
    found = []
    for part in (b"\r\n" + body).split(b"\r\n--" + boundary.encode())[1:-1]:
        head, _, value = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        name = _NAME.search(head)
        found.append((name[1].decode() if name else "", value))
    return found
