"""The sandbox's Plain takes files as Plain does: a place first, then a form, then a thread."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from bot.sandbox.plain import Plain
from tests.sandbox.plain_client import CREATE_THREAD, NOON, PlainApi, talking

ASK = """
mutation createAttachmentUploadUrl($input: CreateAttachmentUploadUrlInput!) {
  createAttachmentUploadUrl(input: $input) {
    attachmentUploadUrl {
      attachment { id fileName fileExtension fileMimeType type }
      uploadFormUrl
      uploadFormData { key value }
      expiresAt { unixTimestamp }
    }
    error { message type code fields { field message type } }
  }
}
"""


class Desk:
    def __init__(self) -> None:
        self.now = NOON
        self.plain = Plain(clock=lambda: self.now)
        self.ada = self.plain.add_customer("Ada", "ada@acme.example").id

    async def place(self, talk: PlainApi, **more: Any) -> dict[str, Any]:
        given = {
            "customerId": self.ada,
            "fileName": "a.png",
            "fileSizeBytes": 3,
            "attachmentType": "CUSTOM_TIMELINE_ENTRY",
        }
        return await talk.mutate(ASK, given | more)

    async def thread(self, talk: PlainApi, *ids: str, **more: Any) -> dict[str, Any]:
        given = {"customerIdentifier": {"customerId": self.ada}, "attachmentIds": list(ids)}
        return await talk.mutate(CREATE_THREAD, given | more)


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def send(
    place: dict[str, Any], content: bytes = b"PNG", *, last: str = "file", **headers: str
) -> httpx.Response:
    """A form as browsers send it, by another client than the bridge's."""
    found = place["attachmentUploadUrl"]
    fields = {one["key"]: one["value"] for one in found["uploadFormData"]}
    async with httpx.AsyncClient(trust_env=False, headers=headers) as http:
        return await http.post(
            found["uploadFormUrl"], data=fields, files={last: ("a.png", content, "image/png")}
        )


async def test_a_file_goes_with_its_thread(desk: Desk) -> None:
    async with talking(desk.plain) as talk:
        place = await desk.place(talk)
        found = place["attachmentUploadUrl"]
        assert found["attachment"] == {
            "id": desk.plain.attachments[0].id,
            "fileName": "a.png",
            "fileExtension": "png",
            "fileMimeType": "image/png",
            "type": "CUSTOM_TIMELINE_ENTRY",
        }
        assert int(found["expiresAt"]["unixTimestamp"]) == (NOON + 7200) * 1000
        assert (await send(place)).status_code == 204
        made = await desk.thread(talk, found["attachment"]["id"])
        assert made["error"] is None
    assert [one.content for one in desk.plain.threads[0].attachments] == [b"PNG"]


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a banned kind": ({"fileName": "a.EXE"}, "attachment_file_type_not_allowed"),
    "too large": ({"fileSizeBytes": 6_000_001}, "attachment_file_size_too_large"),
    "empty": ({"fileSizeBytes": 0}, "input_validation"),
    "no name": ({"fileName": " "}, "input_validation"),
    "nobody's": ({"customerId": "c_9"}, "not_found"),
}


@pytest.mark.parametrize(("more", "code"), WRONG.values(), ids=WRONG)
async def test_what_gets_no_place(desk: Desk, more: dict[str, Any], code: str) -> None:
    async with talking(desk.plain) as talk:
        assert (await desk.place(talk, **more))["error"]["code"] == code


async def test_without_the_permission(desk: Desk) -> None:
    desk.plain.permissions.discard("attachment:create")
    async with talking(desk.plain) as talk:
        assert (await desk.place(talk))["error"]["type"] == "FORBIDDEN"


async def test_a_bucket_counts_the_bytes_and_takes_no_key(desk: Desk) -> None:
    async with talking(desk.plain) as talk:
        place = await desk.place(talk)
        assert (await send(place, b"PN")).text == "EntityTooSmall"
        assert (await send(place, b"PNGG")).text == "EntityTooLarge"
        assert (await send(place, last="other")).status_code == 403
        assert (await send(place, authorization="Bearer x")).status_code == 400
        place["attachmentUploadUrl"]["uploadFormData"].reverse()
        assert (await send(place)).status_code == 403
        place["attachmentUploadUrl"]["uploadFormData"].reverse()
        desk.now += 7201
        assert (await send(place)).status_code == 403


async def test_a_thread_names_only_what_is_there(desk: Desk) -> None:
    async with talking(desk.plain) as talk:
        first, second = await desk.place(talk), await desk.place(talk)
        ids = [one["attachmentUploadUrl"]["attachment"]["id"] for one in (first, second)]
        await send(first)
        assert (await desk.thread(talk, *ids))["error"]["code"] == "attachment_not_uploaded"
        missing = (await desk.thread(talk, ids[0], "att_9"))["error"]
        assert [one["field"] for one in missing["fields"]] == ["attachmentIds.1"]
        ben = desk.plain.add_customer("Ben", "ben@acme.example").id
        other = {"customerIdentifier": {"customerId": ben}}
        assert (await desk.thread(talk, ids[0], **other))["error"]["code"] == "not_found"
        desk.plain.overlook_uploads(1)
        assert (await desk.thread(talk, ids[0]))["error"]["code"] == "attachment_not_uploaded"
        desk.now += 24 * 3600 + 1
        assert (await desk.thread(talk, ids[0]))["error"]["code"] == "not_found"
    assert desk.plain.threads == []


async def test_an_upload_can_fail(desk: Desk) -> None:
    async with talking(desk.plain) as talk:
        place = await desk.place(talk)
        desk.plain.fail("upload", "503")
        assert (await send(place)).status_code == 503
        desk.plain.fail("upload", "drop")
        with pytest.raises(httpx.TransportError):
            await send(place)
        assert (await send(place)).status_code == 204
