"""The page over HTTP: what it looks like, what people do there, and what changed since."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from bot.sandbox.page import drawing
from bot.sandbox.page.desk import Desk
from bot.sandbox.page.guard import Guard
from bot.sandbox.page.look import Look
from bot.sandbox.page.scene import Scene
from bot.sandbox.page.stream import changes
from bot.sandbox.slack import Json, SlackError, fields

Act = Callable[[Desk, Scene, "Form"], Awaitable[dict[str, str]]]
"""Does something; gives what the window looks at differently afterwards."""


@dataclass(frozen=True)
class Form:
    """A form that was sent, all of its values texts."""

    data: FormData

    def text(self, name: str) -> str:
        return str(self.data.get(name, ""))

    def texts(self, name: str) -> list[str]:
        return [str(value) for value in self.data.getlist(name)]


def application(desk: Desk, stopping: asyncio.Event) -> ASGIApp:
    """`stopping` ends the streams of windows that are still open."""

    def seen(request: Request) -> Scene:
        user = next(iter(desk.cast.users))
        return Scene(desk, Look.of(request.query_params, Look(user, desk.channels(user)[0])))

    async def show(request: Request) -> Response:
        return HTMLResponse(drawing.page(seen(request)))

    async def stream(request: Request) -> Response:
        parts = changes(desk, seen(request).look, stopping)
        return StreamingResponse(parts, media_type="text/event-stream")

    async def act(request: Request) -> Response:
        doing = ACTS.get(request.path_params["what"])
        if doing is None:
            return Response(status_code=HTTPStatus.NOT_FOUND)
        scene = seen(request)
        try:
            looks = await doing(desk, scene, Form(await request.form()))
        except (ValueError, KeyError, SlackError) as error:
            return HTMLResponse(f"That does not go: {type(error).__name__}", HTTPStatus.CONFLICT)
        return RedirectResponse(f"/{scene.look.query(**looks)}", HTTPStatus.SEE_OTHER)

    async def suggest(request: Request) -> Response:
        scene, form = seen(request), Form(await request.form())
        view_id, block_id = form.text("view"), form.text("block")
        view = desk.slack.view(view_id)
        if view is None:
            return Response(status_code=HTTPStatus.NOT_FOUND)
        found = await desk.suggest(scene.person, view_id, block_id, form.text("text"))
        chosen = form.texts("chosen")
        return HTMLResponse(drawing.offered(scene, view, block_id, chosen, found))

    return Guard(
        Starlette(
            routes=[
                Route("/", show),
                Route("/events", stream),
                Route("/do/{what}", act, methods=["POST"]),
                Route("/suggest", suggest, methods=["POST"]),
                Mount("/static", StaticFiles(directory=drawing.HERE / "static")),
            ]
        )
    )


async def _say(desk: Desk, scene: Scene, form: Form) -> dict[str, str]:
    await desk.say(scene.person, scene.room, form.text("text"), scene.look.thread or None)
    return {}


async def _react(desk: Desk, scene: Scene, form: Form) -> dict[str, str]:
    await desk.react(scene.person, scene.room, form.text("ts"), form.text("emoji"))
    return {}


async def _shortcut(desk: Desk, scene: Scene, form: Form) -> dict[str, str]:
    await desk.shortcut(scene.person, scene.room, form.text("ts"), form.text("callback"))
    return {}


async def _submit(desk: Desk, scene: Scene, form: Form) -> dict[str, str]:
    view = desk.slack.view(form.text("view"))
    if view is None:
        return {}
    values = {
        block["block_id"]: _value(form, block, element) for block, element in fields.inputs(view)
    }
    await desk.submit(scene.person, view["id"], values)
    return {}


def _value(form: Form, block: Json, element: Json) -> Any:
    """What stands in a field: a list where several can be chosen, None where it is empty."""
    given = [one for one in form.texts(drawing.FIELD + block["block_id"]) if one]
    if fields.SELECTED[element["type"]].endswith("s"):
        return given
    return given[0] if given else None


async def _close(desk: Desk, scene: Scene, form: Form) -> dict[str, str]:
    await desk.close(scene.person, scene.room, form.text("view"))
    return {}


async def _click(desk: Desk, scene: Scene, form: Form) -> dict[str, str]:
    where = {name: form.text(name) for name in ("ts", "whisper", "view")}
    action, _, value = form.text("press").partition("|")
    await desk.click(scene.person, scene.room, action, where | {"value": value})
    return {}


async def _choose(desk: Desk, scene: Scene, form: Form) -> dict[str, str]:
    view = desk.slack.view(form.text("view"))
    for block, element in fields.inputs(view or {}):
        if block["block_id"] == form.text("block"):
            value = _value(form, block, element)
            await desk.choose(scene.person, form.text("view"), block["block_id"], value)
    return {}


async def _agent(desk: Desk, _: Scene, form: Form) -> dict[str, str]:
    desk.act_in_plain(form.text("ref"), form.text("what"), form.text("text"))
    return {"ticket": form.text("ref"), "pane": "plain"}


async def _home(desk: Desk, scene: Scene, _: Form) -> dict[str, str]:
    await desk.open_home(scene.person)
    return {"channel": desk.app_channel, "thread": "", "tab": "home", "pane": "slack"}


async def _dismiss(desk: Desk, _: Scene, form: Form) -> dict[str, str]:
    desk.dismiss(int(form.text("whisper")))
    return {}


async def _switch(desk: Desk, _: Scene, form: Form) -> dict[str, str]:
    await desk.turn(form.text("switch"))
    return {}


async def _kill(desk: Desk, _: Scene, __: Form) -> dict[str, str]:
    desk.kill()
    return {}


async def _user(_: Desk, __: Scene, form: Form) -> dict[str, str]:
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
