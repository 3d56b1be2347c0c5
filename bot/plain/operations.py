"""Every GraphQL document of the bridge, with the reader of its answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from bot.core.model import Customer, LabelType, Tenant
from bot.flows.attachments import UploadForm
from bot.flows.ports import PlainThread, ThreadSummary
from bot.plain import answers
from bot.plain.answers import Page, PlainWorkspace, ThreadPage
from bot.plain.protocol import Data

T = TypeVar("T")

Variables = Mapping[str, object]

PAGE = 100
"""The most that Plain gives in one page. https://www.plain.com/docs/graphql/pagination"""


@dataclass(frozen=True, slots=True)
class Operation(Generic[T]):
    """A GraphQL document, and the reader of the data that answers it.

    `name` is the operation's in the document, in Plain's statistics and in our metrics; a
    mutation's is its root field too. `mutation`: its output holds an `error`. `write`: a second
    one would make a second thing. `read` raises ValueError if the data lacks what the bridge needs.
    """

    name: str
    document: str
    read: Callable[[Data], T]
    mutation: bool = False
    write: bool = False


_ACTOR = (
    "__typename ... on UserActor { userId } ... on MachineUserActor { machineUserId } "
    "... on CustomerActor { customerId } ... on SystemActor { systemId }"
)
_ERROR = "error { message type code fields { field message type } }"
_CUSTOMER = "id fullName email { email }"
CREATE_THREAD: Operation[PlainThread] = Operation(
    "createThread",
    f"""mutation createThread($input: CreateThreadInput!) {{
  createThread(input: $input) {{
    thread {{ id ref }}
    {_ERROR}
  }}
}}""",
    answers.created_thread,
    mutation=True,
    write=True,
)

THREAD_BY_EXTERNAL_ID: Operation[PlainThread | None] = Operation(
    "threadByExternalId",
    """query threadByExternalId($customerId: ID!, $externalId: ID!) {
  threadByExternalId(customerId: $customerId, externalId: $externalId) { id ref }
}""",
    answers.found_thread,
)

CUSTOMER_THREADS: Operation[Page[ThreadSummary]] = Operation(
    "customerThreads",
    f"""query customerThreads($customerId: ID!, $since: String!, $after: String) {{
  threads(
    filters: {{ customerIds: [$customerId], createdAt: {{ after: $since }} }}
    first: {PAGE}
    after: $after
  ) {{
    edges {{ node {{ id ref externalId }} }}
    pageInfo {{ hasNextPage endCursor }}
  }}
}}""",
    answers.customer_threads,
)

THREAD_SEEN: Operation[ThreadPage | None] = Operation(
    "threadSeen",
    f"""query threadSeen($threadId: ID!, $before: String) {{
  thread(threadId: $threadId) {{
    status
    statusDetail {{ __typename }}
    statusChangedBy {{ {_ACTOR} }}
    assignedAt {{ iso8601 }}
    customer {{ id }}
    timelineEntries(last: {PAGE}, before: $before) {{
      edges {{ node {{ actor {{ {_ACTOR} }} entry {{ __typename }} }} }}
      pageInfo {{ hasPreviousPage startCursor }}
    }}
  }}
  myMachineUser {{ id }}
  myPermissions {{ permissions }}
}}""",
    answers.thread_page,
)

CREATE_NOTE: Operation[None] = Operation(
    "createNote",
    f"""mutation createNote($input: CreateNoteInput!) {{
  createNote(input: $input) {{
    note {{ id }}
    {_ERROR}
  }}
}}""",
    answers.done("createNote", "note"),
    mutation=True,
    write=True,
)

MARK_THREAD_AS_DONE: Operation[None] = Operation(
    "markThreadAsDone",
    f"""mutation markThreadAsDone($input: MarkThreadAsDoneInput!) {{
  markThreadAsDone(input: $input) {{
    thread {{ id }}
    {_ERROR}
  }}
}}""",
    answers.done("markThreadAsDone", "thread"),
    mutation=True,
)

CREATE_THREAD_EVENT: Operation[None] = Operation(
    "createThreadEvent",
    f"""mutation createThreadEvent($input: CreateThreadEventInput!) {{
  createThreadEvent(input: $input) {{
    threadEvent {{ id }}
    {_ERROR}
  }}
}}""",
    answers.done("createThreadEvent", "threadEvent"),
    mutation=True,
    write=True,
)

THREAD_EVENTS: Operation[Page[str]] = Operation(
    "threadEvents",
    f"""query threadEvents($threadId: ID!, $before: String) {{
  thread(threadId: $threadId) {{
    timelineEntries(filters: {{ entryTypes: [THREAD_EVENT] }}, last: {PAGE}, before: $before) {{
      edges {{ node {{ entry {{ ... on ThreadEventEntry {{ externalId }} }} }} }}
      pageInfo {{ hasPreviousPage startCursor }}
    }}
  }}
}}""",
    answers.event_external_ids,
)

UPSERT_CUSTOMER: Operation[Customer] = Operation(
    "upsertCustomer",
    f"""mutation upsertCustomer($input: UpsertCustomerInput!) {{
  upsertCustomer(input: $input) {{
    customer {{ {_CUSTOMER} }}
    {_ERROR}
  }}
}}""",
    answers.upserted_customer,
    mutation=True,
)

CUSTOMER: Operation[Customer | None] = Operation(
    "customer",
    f"""query customer($customerId: ID!) {{
  customer(customerId: $customerId) {{ {_CUSTOMER} }}
}}""",
    answers.found_customer("customer"),
)

CUSTOMER_BY_EMAIL: Operation[Customer | None] = Operation(
    "customerByEmail",
    f"""query customerByEmail($email: String!) {{
  customerByEmail(email: $email) {{ {_CUSTOMER} }}
}}""",
    answers.found_customer("customerByEmail"),
)

CUSTOMER_BY_EXTERNAL_ID: Operation[Customer | None] = Operation(
    "customerByExternalId",
    f"""query customerByExternalId($externalId: ID!) {{
  customerByExternalId(externalId: $externalId) {{ {_CUSTOMER} }}
}}""",
    answers.found_customer("customerByExternalId"),
)

SEARCH_CUSTOMERS: Operation[tuple[Customer, ...]] = Operation(
    "searchCustomers",
    f"""query searchCustomers($term: String!, $first: Int!) {{
  searchCustomers(
    searchQuery: {{
      or: [
        {{ fullName: {{ caseInsensitiveContains: $term }} }}
        {{ email: {{ caseInsensitiveContains: $term }} }}
      ]
    }}
    first: $first
  ) {{
    edges {{ node {{ {_CUSTOMER} }} }}
  }}
}}""",
    answers.searched_customers,
)

USER_BY_EMAIL: Operation[str | None] = Operation(
    "userByEmail",
    """query userByEmail($email: String!) {
  userByEmail(email: $email) { id isDeleted }
}""",
    answers.present_user,
)

LABEL_TYPES: Operation[Page[LabelType]] = Operation(
    "labelTypes",
    f"""query labelTypes($after: String) {{
  labelTypes(filters: {{ isArchived: false }}, first: {PAGE}, after: $after) {{
    edges {{ node {{ id name }} }}
    pageInfo {{ hasNextPage endCursor }}
  }}
}}""",
    answers.label_types,
)

TENANTS: Operation[Page[Tenant]] = Operation(
    "tenants",
    f"""query tenants($after: String) {{
  tenants(filters: {{ isDeleted: false }}, first: {PAGE}, after: $after) {{
    edges {{ node {{ id name externalId }} }}
    pageInfo {{ hasNextPage endCursor }}
  }}
}}""",
    answers.tenants,
)

WORKSPACE_ID: Operation[str] = Operation(
    "workspaceId", "query workspaceId { myWorkspace { id } }", answers.workspace_id
)

WORKSPACE: Operation[PlainWorkspace] = Operation(
    "workspace",
    """query workspace {
  myWorkspace { id name }
  myMachineUser { id }
  myPermissions { permissions }
}""",
    answers.workspace,
)


CREATE_UPLOAD: Operation[UploadForm] = Operation(
    "createAttachmentUploadUrl",
    f"""mutation createAttachmentUploadUrl($input: CreateAttachmentUploadUrlInput!) {{
  createAttachmentUploadUrl(input: $input) {{
    attachmentUploadUrl {{
      attachment {{ id }}
      uploadFormUrl
      uploadFormData {{ key value }}
    }}
    {_ERROR}
  }}
}}""",
    answers.upload_form,
    mutation=True,
)
