"""Makes a screenshot small: its 256 most useful colours, packed as tightly as zlib can.

https://www.w3.org/TR/png-3/
"""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from collections.abc import Iterator

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_BYTES = {2: 3, 6: 4}
"""Of a pixel, by colour type: red, green and blue, or these and opacity."""

Colour = bytes


def smaller(png: bytes) -> bytes:
    """The picture with a palette; the given one where that is not smaller.

    `png` has eight bits a channel and is not interlaced, as a browser makes them.
    """
    header = next(data for kind, data in _chunks(png) if kind == b"IHDR")
    width, height, depth, kind, *_, interlaced = struct.unpack(">IIBBBBB", header)
    if depth != 8 or interlaced or kind not in _BYTES:
        raise ValueError("not a picture as a browser makes it")
    packed = b"".join(data for name, data in _chunks(png) if name == b"IDAT")
    wide = _BYTES[kind]
    rows = [
        [row[at : at + 3] for at in range(0, len(row), wide)]
        for row in _unfiltered(zlib.decompress(packed), width * wide, wide)
    ]
    palette, nearest = _palette(Counter(colour for row in rows for colour in row))
    pixels = b"".join(b"\0" + bytes(nearest[colour] for colour in row) for row in rows)
    made = _SIGNATURE + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in (
            (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            (b"PLTE", b"".join(palette)),
            (b"IDAT", zlib.compress(pixels, 9)),
            (b"IEND", b""),
        )
    )
    return min(made, png, key=len)


def _palette(counts: Counter[Colour]) -> tuple[list[Colour], dict[Colour, int]]:
    """The colours that are kept, and for each colour the place of the nearest of them.

    What is often is kept as it is; of the rest every next one that is far from all kept.
    """
    common = [colour for colour, _ in counts.most_common()]
    palette, rest = common[:160], common[160:]
    for least in (900, 400, 150, 0):
        for colour in rest:
            if len(palette) == 256:
                break
            if all(_distance(colour, kept) > least for kept in palette):
                palette.append(colour)
    places = {colour: place for place, colour in enumerate(palette)}
    for colour in rest:
        if colour not in places:
            near = min(range(len(palette)), key=lambda place: _distance(colour, palette[place]))
            places[colour] = near
    return palette, places


def _distance(one: Colour, other: Colour) -> int:
    red, green, blue = (a - b for a, b in zip(one, other, strict=True))
    return 3 * red * red + 4 * green * green + 2 * blue * blue


def _unfiltered(pixels: bytes, length: int, wide: int) -> Iterator[bytes]:
    """The rows as they were before the encoder took differences.

    https://www.w3.org/TR/png-3/#9Filter-types
    """
    above = bytearray(length)
    for start in range(0, len(pixels), length + 1):
        how, row = pixels[start], bytearray(pixels[start + 1 : start + 1 + length])
        if how == 2:
            row = bytearray((a + b) & 255 for a, b in zip(row, above, strict=True))
        elif how:
            for at in range(length):
                left = row[at - wide] if at >= wide else 0
                corner = above[at - wide] if at >= wide else 0
                row[at] = (row[at] + _predicted(how, left, above[at], corner)) & 255
        above = row
        yield bytes(row)


def _predicted(how: int, left: int, above: int, corner: int) -> int:
    if how == 1:
        return left
    if how == 3:
        return (left + above) // 2
    guess = left + above - corner
    return min((left, above, corner), key=lambda one: abs(guess - one))


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_SIGNATURE)
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        at += length + 12
