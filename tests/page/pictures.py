"""`make pictures`: plays every scene in the page and writes `docs/pictures/`.

Names of scenes as arguments play only these: python -m tests.page.pictures form.png why.png
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from bot.sandbox.page import page
from tests.page import doing
from tests.page.conftest import BROWSERS
from tests.page.scenes import SCENES, Scene
from tests.page.smaller import smaller

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "pictures"
STARTED = 1_794_908_460.0
"""2026-11-17, 09:41 UTC: pictures that are made anew are the same as far as they can be."""


async def take(scene: Scene, browser: doing.Browser) -> bytes:
    """The picture, in a sandbox of its own."""
    began = time.time()
    with tempfile.TemporaryDirectory(prefix="plain-bridge-picture-") as folder:
        async with page(Path(folder), 0, lambda: STARTED + time.time() - began) as (url, desk):
            context = await browser.new_context(
                viewport={"width": scene.width, "height": scene.height},
                color_scheme=scene.scheme,
                reduced_motion="reduce",
                device_scale_factor=scene.scale,
            )
            context.set_default_timeout(20_000)
            window = await context.new_page()
            user, channel = doing.user(desk, scene.user), doing.channel(desk, scene.channel)
            await window.goto(f"{url}?user={user}&channel={channel}&pane={scene.pane}")
            await window.wait_for_selector("html[data-live]")
            part = await scene.play(window, desk)
            await window.evaluate("document.activeElement.blur()")
            await window.mouse.move(0, 0)
            if part is not None:  # nothing of what lies behind its round corners
                await part.evaluate("one => { one.style.borderRadius = 0 }")
            shot = await (part or window).screenshot(animations="disabled")
            await context.close()
    return smaller(shot)


async def main(wanted: list[str]) -> int:
    """0 where every picture that was wanted was taken."""
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        print(f"There is no browser here (looked for {', '.join(BROWSERS)}).", file=sys.stderr)
        return 1
    os.environ["TZ"] = "UTC"
    time.tzset()
    FOLDER.mkdir(parents=True, exist_ok=True)
    missed = 0
    async with doing.async_playwright() as driver:
        browser = await driver.chromium.launch(
            executable_path=Path(executable), args=["--no-sandbox", "--hide-scrollbars"]
        )
        for scene in SCENES:
            if wanted and scene.file not in wanted:
                continue
            try:
                picture = await take(scene, browser)
            except Exception as error:  # noqa: BLE001 — the others are taken all the same
                missed += 1
                print(f"{scene.file}: {str(error).splitlines()[0]}", file=sys.stderr)
            else:
                (FOLDER / scene.file).write_bytes(picture)
                print(f"{scene.file}  {len(picture) // 1024} KB")
        await browser.close()
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
