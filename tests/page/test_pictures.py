"""The docs' pictures: each scene has its own, and making one small leaves what it shows."""

from __future__ import annotations

import random
import struct
import zlib
from collections import Counter
from collections.abc import Sequence

import pytest

from tests.page.pictures import FOLDER
from tests.page.scenes import SCENES
from tests.page.smaller import _chunks, _palette, _predicted, smaller

WIDTH, HEIGHT = 48, 40


def picture(how: int, colours: Sequence[bytes]) -> tuple[bytes, list[bytes]]:
    """A picture of random pixels, every row with this filter, and its rows."""
    dice = random.Random(how)
    rows = [b"".join(dice.choice(colours) for _ in range(WIDTH)) for _ in range(HEIGHT)]
    filtered, above = [], bytes(WIDTH * 3)
    for row in rows:
        before = [0, 0, 0, *row[:-3]]
        corners = [0, 0, 0, *above[:-3]]
        guessed = zip(before, above, corners, strict=True)
        taken = [_guess(how, *near) for near in guessed]
        differences = (now - guess for now, guess in zip(row, taken, strict=True))
        filtered.append(bytes([how, *(one & 255 for one in differences)]))
        above = row
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(b"".join(filtered))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    ), rows


def _guess(how: int, left: int, above: int, corner: int) -> int:
    return 0 if how == 0 else above if how == 2 else _predicted(how, left, above, corner)


@pytest.mark.parametrize("how", range(5))
def test_few_colours_stay_exactly_as_they_are(how: int) -> None:
    png, rows = picture(how, [b"\xff\xff\xff", b"\x10\x20\x30", b"\xa0\x00\x05", b"\x00\xfe\x77"])
    made = smaller(png)
    assert len(made) < len(png)
    parts = dict(_chunks(made))
    palette = [parts[b"PLTE"][at : at + 3] for at in range(0, len(parts[b"PLTE"]), 3)]
    pixels = zlib.decompress(parts[b"IDAT"])
    shown = [
        b"".join(palette[place] for place in pixels[at + 1 : at + 1 + WIDTH])
        for at in range(0, len(pixels), WIDTH + 1)
    ]
    assert shown == rows


def test_of_many_colours_the_nearest_is_taken() -> None:
    counts = Counter({bytes([red, green, 0]): 1 for red in range(40) for green in range(40)})
    counts[b"\xff\xff\xff"] = 9
    palette, places = _palette(counts)
    assert len(palette) == 256
    assert palette[places[b"\xff\xff\xff"]] == b"\xff\xff\xff"
    assert all(
        sum(abs(a - b) for a, b in zip(colour, palette[place], strict=True)) < 40
        for colour, place in places.items()
    )


def test_each_scene_has_its_picture_and_each_picture_its_scene() -> None:
    files = [scene.file for scene in SCENES]
    assert len(files) == len(set(files))
    assert {path.name for path in FOLDER.iterdir()} == set(files)
