"""Build the inputs of Plain's mutations from core's values."""

from __future__ import annotations

from collections.abc import Sequence

from bot.core.faults import Reason, Rejected, Rejection
from bot.core.model import EventDraft, File, Priority, ThreadDraft
from bot.core.text.parts import DividerPart, LinkPart, Part, PlainTextPart, TextPart
from bot.core.text.plaintext import one_line, shorten
from bot.plain.operations import Variables

LONGEST_FILE_NAME = 200


PRIORITY = {Priority.URGENT: 0, Priority.HIGH: 1, Priority.NORMAL: 2, Priority.LOW: 3}
"""https://www.plain.com/docs/graphql-reference/mutations/changeThreadPriority"""


def create_upload(customer: str, file: File) -> Variables:
    """Return the variables of `CREATE_UPLOAD`, for a file whose size is known.

    Of what an attachment may be for, this is the one that a thread's own components belong to.
    https://www.plain.com/docs/graphql-reference/mutations/createAttachmentUploadUrl
    """
    return {
        "input": {
            "customerId": customer,
            "fileName": shorten(one_line(file.name or ""), LONGEST_FILE_NAME) or file.id,
            "fileSizeBytes": file.size,
            "attachmentType": "CUSTOM_TIMELINE_ENTRY",
        }
    }


def create_thread(draft: ThreadDraft) -> Variables:
    """Return the variables of `CREATE_THREAD`. Raise Rejected for an assignee of unknown kind.

    `components` is marked deprecated, for a successor that needs a paid entitlement:
    https://www.plain.com/docs/graphql-reference/mutations/createThread
    """
    given = {
        "customerIdentifier": {"customerId": draft.customer},
        "externalId": draft.external_id,
        "title": draft.title,
        "components": components(draft.parts),
        "priority": PRIORITY[draft.priority],
        "description": draft.preview or None,
        "labelTypeIds": list(draft.label_types) or None,
        "attachmentIds": list(draft.attachments) or None,
        "tenantIdentifier": {"externalId": draft.tenant} if draft.tenant else None,
        "assignedTo": _assignee(draft.assignee) if draft.assignee else None,
    }
    return {"input": {name: value for name, value in given.items() if value is not None}}


def create_thread_event(draft: EventDraft) -> Variables:
    """Return the variables of `CREATE_THREAD_EVENT`.

    https://www.plain.com/docs/graphql-reference/mutations/createThreadEvent
    """
    return {
        "input": {
            "threadId": draft.thread,
            "externalId": draft.external_id,
            "title": draft.title,
            "components": components(draft.parts),
        }
    }


def create_note(customer: str, thread: str, text: str) -> Variables:
    """Return the variables of `CREATE_NOTE`; only the text, so that nothing in it is rendered.

    https://www.plain.com/docs/graphql-reference/mutations/createNote
    """
    return {"input": {"customerId": customer, "threadId": thread, "text": text}}


def mark_ignored(thread: str) -> Variables:
    """Return the variables of `MARK_THREAD_AS_DONE`, for what needs no answer.

    https://www.plain.com/docs/graphql-reference/mutations/markThreadAsDone
    """
    return {"input": {"threadId": thread, "statusDetail": "IGNORED"}}


def upsert_customer(email: str, name: str, *, verified: bool) -> Variables:
    """Return the variables of `UPSERT_CUSTOMER`, which leaves an existing customer as it is.

    https://www.plain.com/docs/graphql-reference/mutations/upsertCustomer
    """
    return {
        "input": {
            "identifier": {"emailAddress": email},
            "onCreate": {"fullName": name, "email": {"email": email, "isVerified": verified}},
            "onUpdate": {},
        }
    }


def components(parts: Sequence[Part]) -> list[dict[str, object]]:
    """Return `ComponentInput`s, which are `EventComponentInput`s too; Plain rejects empty texts.

    https://www.plain.com/docs/ui-components/text
    """
    return [_component(part) for part in parts if not _is_empty(part)]


def _is_empty(part: Part) -> bool:
    return isinstance(part, TextPart | PlainTextPart) and not part.text.strip()


def _component(part: Part) -> dict[str, object]:
    match part:
        case TextPart(text, tone, small):
            look = {"textSize": _size(small), "textColor": tone.name}
            return {"componentText": {"text": text, **look}}
        case PlainTextPart(text, tone, small):
            look = {"plainTextSize": _size(small), "plainTextColor": tone.name}
            return {"componentPlainText": {"plainText": text, **look}}
        case LinkPart(label, url):
            return {"componentLinkButton": {"linkButtonLabel": label, "linkButtonUrl": url}}
        case DividerPart():
            return {"componentDivider": {"dividerSpacingSize": "S"}}


def _size(small: bool) -> str:
    return "S" if small else "M"


def _assignee(assignee: str) -> dict[str, str]:
    kinds = {"u": "userId", "mu": "machineUserId"}
    kind = kinds.get(assignee.partition("_")[0])
    if kind is None:
        raise Rejected(Rejection(Reason.UNKNOWN_ASSIGNEE, assignee=assignee))
    return {kind: assignee}
