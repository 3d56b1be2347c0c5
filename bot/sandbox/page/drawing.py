"""Draws the page and its parts from the templates, everything escaped."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from zlib import crc32

from jinja2 import Environment, FileSystemLoader

from bot.sandbox.page.scene import Scene
from bot.sandbox.slack import Json, fields

FIELD = "field:"
"""Before the block id, in the names of a form's fields."""
HERE = Path(__file__).parent
PARTS = ("top", "slack", "bridge", "plain", "modal", "news")
"""The templates of the parts that are sent again when they change; each draws the element whose
id is its name."""


def page(scene: Scene) -> str:
    return _environment().get_template("page.html").render(s=scene, look=scene.look, parts=PARTS)


def part(name: str, scene: Scene) -> str:
    return _environment().get_template(f"{name}.html").render(s=scene, look=scene.look)


def offered(scene: Scene, view: Json, block_id: str, chosen: list[str], found: list[Json]) -> str:
    """The choices of a field after somebody typed in it: what is chosen, then what was found."""
    element = next(one for block, one in fields.inputs(view) if block["block_id"] == block_id)
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
