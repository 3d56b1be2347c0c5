"""Serve the page: draw it, stream its changes, take what people do, and refuse other origins."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any
from zlib import crc32

from jinja2 import Environment, FileSystemLoader
from starlette.applications import Starlette
from starlette.datastructures import FormData, Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import (
    HTMLResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.sandbox.page.desk import Desk
from bot.sandbox.page.scene import Scene, Selection
from bot.sandbox.slack import Json, SlackError, block_kit

Act = Callable[[Desk, Scene, "PostedForm"], Awaitable[dict[str, str]]]
"""Does something; returns what of the window's selection changes."""


@dataclass(frozen=True)
class PostedForm:
    """A form that was sent, all of its values texts."""

    data: FormData

    def text(self, name: str) -> str:
        return str(self.data.get(name, ""))

    def texts(self, name: str) -> list[str]:
        return [str(value) for value in self.data.getlist(name)]


def application(desk: Desk, stopping: asyncio.Event) -> ASGIApp:
    """Return the page's ASGI app; `stopping` ends the streams of windows that are still open."""

    def seen(request: Request) -> Scene:
        user = next(iter(desk.cast.users))
        return Scene(
            desk, Selection.of(request.query_params, Selection(user, desk.channels(user)[0]))
        )

    async def show(request: Request) -> Response:
        return HTMLResponse(draw_page(seen(request)))

    async def stream(request: Request) -> Response:
        parts = changes(desk, seen(request).look, stopping)
        return StreamingResponse(parts, media_type="text/event-stream")

    async def act(request: Request) -> Response:
        doing = ACTS.get(request.path_params["what"])
        if doing is None:
            return Response(status_code=HTTPStatus.NOT_FOUND)
        scene = seen(request)
        try:
            looks = await doing(desk, scene, PostedForm(await request.form()))
        except (ValueError, KeyError, SlackError) as error:
            return HTMLResponse(f"That does not go: {type(error).__name__}", HTTPStatus.CONFLICT)
        return RedirectResponse(f"/{scene.look.query(**looks)}", HTTPStatus.SEE_OTHER)

    async def suggest(request: Request) -> Response:
        scene, form = seen(request), PostedForm(await request.form())
        view_id, block_id = form.text("view"), form.text("block")
        view = desk.slack.view(view_id)
        if view is None:
            return Response(status_code=HTTPStatus.NOT_FOUND)
        found = await desk.suggest(scene.person, view_id, block_id, form.text("text"))
        chosen = form.texts("chosen")
        return HTMLResponse(draw_offered(scene, view, block_id, chosen, found))

    return Guard(
        Starlette(
            routes=[
                Route("/", show),
                Route("/events", stream),
                Route("/do/{what}", act, methods=["POST"]),
                Route("/suggest", suggest, methods=["POST"]),
                Mount("/static", StaticFiles(directory=HERE / "static")),
            ]
        )
    )


async def _say(desk: Desk, scene: Scene, form: PostedForm) -> dict[str, str]:
    await desk.say(scene.person, scene.room, form.text("text"), scene.look.thread or None)
    return {}


async def _react(desk: Desk, scene: Scene, form: PostedForm) -> dict[str, str]:
    await desk.react(scene.person, scene.room, form.text("ts"), form.text("emoji"))
    return {}


async def _shortcut(desk: Desk, scene: Scene, form: PostedForm) -> dict[str, str]:
    await desk.shortcut(scene.person, scene.room, form.text("ts"), form.text("callback"))
    return {}


async def _submit(desk: Desk, scene: Scene, form: PostedForm) -> dict[str, str]:
    view = desk.slack.view(form.text("view"))
    if view is None:
        return {}
    await desk.submit(scene.person, view["id"], _values(form, view))
    return {}


def _values(form: PostedForm, view: Json) -> Json:
    """Return the values of all fields of a view by block id."""
    return {
        block["block_id"]: _value(form, block, element) for block, element in block_kit.inputs(view)
    }


def _value(form: PostedForm, block: Json, element: Json) -> Any:
    """Return a field's value: a list if several can be chosen, None if it is empty."""
    given = [one for one in form.texts(FIELD + block["block_id"]) if one]
    if block_kit.SELECTED[element["type"]].endswith("s"):
        return given
    return given[0] if given else None


async def _close(desk: Desk, scene: Scene, form: PostedForm) -> dict[str, str]:
    await desk.close(scene.person, scene.room, form.text("view"))
    return {}


async def _click(desk: Desk, scene: Scene, form: PostedForm) -> dict[str, str]:
    where = {name: form.text(name) for name in ("ts", "whisper", "view")}
    action, _, value = form.text("press").partition("|")
    # Without the page's script a button comes without the fields around it.
    view = desk.slack.view(where["view"]) if form.text("typed") else None
    typed = _values(form, view) if view else None
    await desk.click(scene.person, scene.room, action, where | {"value": value}, typed)
    return {}


async def _choose(desk: Desk, scene: Scene, form: PostedForm) -> dict[str, str]:
    view = desk.slack.view(form.text("view"))
    for block, element in block_kit.inputs(view or {}):
        if block["block_id"] == form.text("block"):
            value = _value(form, block, element)
            await desk.choose(scene.person, form.text("view"), block["block_id"], value)
    return {}


async def _agent(desk: Desk, _: Scene, form: PostedForm) -> dict[str, str]:
    desk.act_in_plain(form.text("ref"), form.text("what"), form.text("text"))
    return {"ticket": form.text("ref"), "pane": "plain"}


async def _home(desk: Desk, scene: Scene, _: PostedForm) -> dict[str, str]:
    await desk.open_home(scene.person)
    return {"channel": desk.app_channel, "thread": "", "tab": "home", "pane": "slack"}


async def _dismiss(desk: Desk, _: Scene, form: PostedForm) -> dict[str, str]:
    desk.dismiss(int(form.text("whisper")))
    return {}


async def _switch(desk: Desk, _: Scene, form: PostedForm) -> dict[str, str]:
    await desk.turn(form.text("switch"))
    return {}


async def _kill(desk: Desk, _: Scene, __: PostedForm) -> dict[str, str]:
    desk.kill()
    return {}


async def _user(_: Desk, __: Scene, form: PostedForm) -> dict[str, str]:
    return {"user": form.text("user")}


ACTS: dict[str, Act] = {
    "say": _say,
    "react": _react,
    "shortcut": _shortcut,
    "submit": _submit,
    "close": _close,
    "click": _click,
    "choose": _choose,
    "agent": _agent,
    "home": _home,
    "dismiss": _dismiss,
    "switch": _switch,
    "kill": _kill,
    "user": _user,
}


_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_SAFE = ("GET", "HEAD")

SECURITY_HEADERS = {
    # Nothing comes from elsewhere, and nothing that somebody wrote can run or load anything.
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    # With "no-referrer" a form's own Origin would be "null".
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
}


class Guard:
    """Refuses what came by another name than loopback's, and writes that another page began.

    A name that somebody else's DNS points at this machine has another Host; a form of another
    page has another Origin. https://owasp.org/www-community/attacks/csrf
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        refusal = _refusal(scope["method"], Headers(scope=scope))
        if refusal is not None:
            await PlainTextResponse(refusal, HTTPStatus.FORBIDDEN)(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(SECURITY_HEADERS)
            await send(message)

        await self._app(scope, receive, sending)


def _refusal(method: str, headers: Headers) -> str | None:
    host = headers.get("host", "")
    if host.rpartition(":")[0] not in _LOOPBACK:
        return "This page answers on the loopback interface only."
    if method not in _SAFE and headers.get("origin") != f"http://{host}":
        return "Only this page itself may ask for that."
    return None


EVERY = 0.05
"""Seconds between two looks at whether anything changed."""
AT_LEAST = 1.0
"""Seconds after which the parts are drawn again all the same: some of them count time."""


async def changes(desk: Desk, look: Selection, stopping: asyncio.Event) -> AsyncIterator[str]:
    """Yield every part, then those that changed, until the page is closed.

    https://html.spec.whatwg.org/multipage/server-sent-events.html
    """
    sent: dict[str, str] = {}
    yield "retry: 300\n\n"
    while not stopping.is_set():
        fingerprint = desk.fingerprint
        scene = Scene(desk, look)
        drawn = {name: draw_part(name, scene) for name in PARTS}
        fresh = {name: html for name, html in drawn.items() if sent.get(name) != html}
        if fresh:
            sent |= fresh
            yield f"data: {json.dumps(fresh)}\n\n"
        await _until_something(desk, fingerprint, stopping)


async def _until_something(
    desk: Desk, fingerprint: tuple[object, ...], stopping: asyncio.Event
) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + AT_LEAST
    while loop.time() < end and not stopping.is_set() and desk.fingerprint == fingerprint:  # noqa: ASYNC110
        await asyncio.sleep(EVERY)


FIELD = "field:"
"""Before the block id, in the names of a form's fields."""
HERE = Path(__file__).parent
PARTS = ("top", "slack", "bridge", "plain", "modal", "news")
"""The templates of the parts that are sent again when they change; each draws the element whose
id is its name."""


def draw_page(scene: Scene) -> str:
    return _environment().get_template("page.html").render(s=scene, look=scene.look, parts=PARTS)


def draw_part(name: str, scene: Scene) -> str:
    return _environment().get_template(f"{name}.html").render(s=scene, look=scene.look)


def draw_offered(
    scene: Scene, view: Json, block_id: str, chosen: list[str], found: list[Json]
) -> str:
    """Return the choices of a field after somebody typed in it: the chosen, then the found."""
    element = next(one for block, one in block_kit.inputs(view) if block["block_id"] == block_id)
    kept = [one for one in scene.offered(view, block_id) if one["value"] in chosen]
    more = [one for one in found if one["value"] not in chosen]
    return (
        _environment()
        .get_template("offered.html")
        .render(
            options=[*kept, *more],
            chosen=chosen,
            found=len(found),
            name=FIELD + block_id,
            kind="radio" if element["type"] == "external_select" else "checkbox",
        )
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["colour"] = lambda name: crc32(name.encode(), 1) % 6
    return environment
