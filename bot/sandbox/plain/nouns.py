"""Define what the sandbox's Plain stores; classes and attributes are named as in the schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Input = Mapping[str, Any]
"""An input object as the schema's types admit it."""

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class Ids:
    """Ids of Plain's form, `^[a-zA-Z]+_[0-9A-HJKMNP-TV-Z]{26}$`, counted up for each prefix."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}

    def new(self, prefix: str) -> str:
        number = self._last[prefix] = self._last.get(prefix, 0) + 1
        digits = ""
        while number:
            number, digit = divmod(number, 32)
            digits = _CROCKFORD[digit] + digits
        return f"{prefix}_01SANDB0X{digits:0>17}"


@dataclass(frozen=True, slots=True)
class DateTime:
    """A moment; `at` in Unix seconds."""

    at: float

    @property
    def iso8601(self) -> str:
        moment = datetime.fromtimestamp(self.at, UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    @property
    def unix_timestamp(self) -> str:
        """Return milliseconds since 1970."""
        return str(round(self.at * 1000))


@dataclass(frozen=True, slots=True)
class SystemActor:
    system_id: str


@dataclass(frozen=True, slots=True)
class MachineUserActor:
    machine_user: MachineUser

    @property
    def machine_user_id(self) -> str:
        return self.machine_user.id


@dataclass(frozen=True, slots=True)
class UserActor:
    user: User

    @property
    def user_id(self) -> str:
        return self.user.id


Actor = SystemActor | MachineUserActor | UserActor


@dataclass(kw_only=True)
class Stamped:
    """The times and authors of something's creation and last change."""

    created_at: DateTime
    created_by: Actor
    updated_at: DateTime
    updated_by: Actor


@dataclass(kw_only=True)
class Workspace(Stamped):
    id: str
    name: str
    public_name: str
    is_demo_workspace: bool = False
    domain_names: Sequence[str] = ()


@dataclass(kw_only=True)
class MachineUser(Stamped):
    id: str
    full_name: str
    public_name: str
    description: str | None = None
    is_deleted: bool = False
    deleted_at: DateTime | None = None


@dataclass(kw_only=True)
class User(Stamped):
    id: str
    full_name: str
    public_name: str
    email: str
    avatar_url: str | None = None
    is_deleted: bool = False
    deleted_at: DateTime | None = None


@dataclass(kw_only=True)
class Tenant(Stamped):
    id: str
    name: str
    external_id: str
    url: str | None = None
    is_deleted: bool = False


@dataclass(frozen=True, slots=True)
class EmailAddress:
    email: str
    is_verified: bool
    verified_at: DateTime | None = None


@dataclass(kw_only=True)
class Customer(Stamped):
    id: str
    full_name: str
    email: EmailAddress
    external_id: str | None = None
    short_name: str | None = None
    avatar_url: str | None = None
    assigned_at: DateTime | None = None
    is_anonymous: bool = False
    marked_as_spam_at: DateTime | None = None
    marked_as_spam_by: Actor | None = None
    tenants: list[Tenant] = field(default_factory=list)


@dataclass(kw_only=True)
class LabelType(Stamped):
    id: str
    name: str
    position: str
    type: str = "DEFAULT"
    icon: str | None = None
    color: str | None = None
    description: str | None = None
    external_id: str | None = None
    parent_label_type: LabelType | None = None
    is_archived: bool = False
    archived_at: DateTime | None = None
    archived_by: Actor | None = None


@dataclass(kw_only=True)
class Label(Stamped):
    id: str
    label_type: LabelType


@dataclass(kw_only=True)
class ThreadEvent(Stamped):
    """`components` as they were given; `timestamp` is the one given, else the time of creation."""

    id: str
    customer_id: str
    thread_id: str
    title: str
    components: Sequence[Input]
    timestamp: DateTime
    external_id: str | None = None


@dataclass(kw_only=True)
class Note(Stamped):
    id: str
    customer: Customer
    text: str
    markdown: str | None = None
    thread_id: str | None = None
    is_edited: bool = False
    edited_at: DateTime | None = None
    edited_by: Actor | None = None
    is_deleted: bool = False
    deleted_at: DateTime | None = None
    deleted_by: Actor | None = None


@dataclass(frozen=True, slots=True)
class Email:
    """An answer to the customer."""

    email_id: str
    subject: str
    text_content: str


@dataclass(frozen=True, slots=True)
class StatusTransition:
    previous_status: str
    next_status: str


@dataclass(frozen=True, slots=True)
class AssignmentTransition:
    previous_assignee: User | MachineUser | None
    next_assignee: User | MachineUser | None


@dataclass(kw_only=True)
class Attachment(Stamped):
    """A file, or the place for one: `content` is None until it was uploaded."""

    id: str
    customer_id: str
    file_name: str
    file_extension: str | None
    file_mime_type: str
    size: int
    type: str
    content: bytes | None = None
    is_named: bool = False


@dataclass(frozen=True, slots=True)
class StatusDetail:
    """`kind` is the name of a member of the schema's union ThreadStatusDetail."""

    kind: str
    status_changed_at: DateTime
    created_at: DateTime


@dataclass(kw_only=True)
class Thread(Stamped):
    """`components` as they were given."""

    id: str
    ref: str
    customer: Customer
    title: str
    components: Sequence[Input]
    status_changed_at: DateTime
    status_changed_by: Actor
    status_detail: StatusDetail
    external_id: str | None = None
    description: str | None = None
    preview_text: str | None = None
    priority: int = 2
    status: str = "TODO"
    channel: str = "API"
    assigned_to: User | MachineUser | None = None
    assigned_at: DateTime | None = None
    additional_assignees: Sequence[User | MachineUser] = ()
    labels: list[Label] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    tenant: Tenant | None = None
    support_email_addresses: Sequence[str] = ()
    locked_at: DateTime | None = None
    locked_by: Actor | None = None
    timeline: list[TimelineEntry] = field(default_factory=list)

    @property
    def events(self) -> list[ThreadEvent]:
        return [entry.of for entry in self.timeline if isinstance(entry.of, ThreadEvent)]

    @property
    def notes(self) -> list[Note]:
        return [entry.of for entry in self.timeline if isinstance(entry.of, Note)]


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One entry; `of` a Thread is its first entry, the components that it was created with."""

    id: str
    customer_id: str
    thread_id: str
    timestamp: DateTime
    actor: Actor
    of: Thread | ThreadEvent | Note | Email | StatusTransition | AssignmentTransition
    llm_text: str | None = None
