"""Compares two pictures of a page, strictly or across versions of the browser.

Strictly: the same program on the same kind of machine paints the same pixels, so hardly any may differ.

Across versions: letters are smoothed and placed a little differently, which moves colour about inside of a small
area and leaves plain areas alone. So pictures are compared in two ways that do not mind that: the colour of areas
that are plain, and the mean of areas that are not, which a shift of a few pixels or a missing mark changes a lot.
"""

from dataclasses import dataclass

from PIL import Image, ImageChops

CELL = 16
"""The side of an area, in pixels."""
STRICT_STEP = 3
"""Least difference of one channel (0 to 255) that counts for a pixel."""
STRICT_PIXELS = 12
"""So many pixels may differ."""
PLAIN_STEP = 3
"""Least difference of one channel that counts where both areas are plain."""
MEAN_STEP = 15
"""Least difference of an area's mean that counts where they are not: hinted letters move it by 10, a lost icon by 22."""


@dataclass(frozen=True)
class Verdict:
    """What differs: how much of it, where (left, top, right, bottom), and a sentence; no sentence when nothing does."""

    words: str = ""
    where: tuple[int, int, int, int] | None = None


def strictly(kept: Image.Image, taken: Image.Image) -> Verdict:
    """Compare pixel by pixel."""
    if kept.size != taken.size:
        return Verdict(f"is {taken.size[0]} × {taken.size[1]}, not {kept.size[0]} × {kept.size[1]}")
    mask = _channels(kept, taken).point([0 if step < STRICT_STEP else 255 for step in range(256)])
    count = mask.histogram()[255]
    if count <= STRICT_PIXELS:
        return Verdict()
    return Verdict(f"{count} pixels differ", mask.getbbox())


def loosely(kept: Image.Image, taken: Image.Image) -> Verdict:
    """Compare area by area; heights of whole pages may differ by an area."""
    if kept.size[0] != taken.size[0] or abs(kept.size[1] - taken.size[1]) > CELL:
        return Verdict(f"is {taken.size[0]} × {taken.size[1]}, not {kept.size[0]} × {kept.size[1]}")
    width, height = kept.size[0] // CELL, min(kept.size[1], taken.size[1]) // CELL
    box = (0, 0, width * CELL, height * CELL)
    one, other = kept.crop(box), taken.crop(box)
    means = _channels(one.reduce(CELL), other.reduce(CELL))
    plain = ImageChops.multiply(_plain(one), _plain(other))
    wrong = [
        (index % width, index // width)
        for index, (step, flat) in enumerate(zip(means.tobytes(), plain.tobytes(), strict=True))
        if step >= (PLAIN_STEP if flat else MEAN_STEP)
    ]
    if not wrong:
        return Verdict()
    columns, rows = zip(*wrong, strict=True)
    where = (
        min(columns) * CELL,
        min(rows) * CELL,
        (max(columns) + 1) * CELL,
        (max(rows) + 1) * CELL,
    )
    return Verdict(f"{len(wrong)} of {width * height} areas differ", where)


def difference(kept: Image.Image, taken: Image.Image) -> Image.Image:
    """What was kept, what was taken and where they differ, side by side."""
    width, height = max(kept.size[0], taken.size[0]), max(kept.size[1], taken.size[1])
    sheet = Image.new("RGB", (width * 3, height))
    grounds = []
    for index, each in enumerate((kept, taken)):
        ground = Image.new("RGB", (width, height))
        ground.paste(each)
        grounds.append(ground)
        sheet.paste(ground, (index * width, 0))
    apart = ImageChops.difference(*grounds).point(lambda step: min(255, step * 4))
    sheet.paste(apart, (2 * width, 0))
    return sheet


def _channels(one: Image.Image, other: Image.Image) -> Image.Image:
    """The largest difference of any channel, for each pixel."""
    red, green, blue = ImageChops.difference(one, other).split()
    return ImageChops.lighter(ImageChops.lighter(red, green), blue)


def _plain(picture: Image.Image) -> Image.Image:
    """White for each area of one colour, black for others."""
    size = (picture.size[0] // CELL, picture.size[1] // CELL)
    # The spread in an area: what differs from the pixel beside it, anywhere in the area.
    right = ImageChops.difference(picture, ImageChops.offset(picture, 1, 0))
    below = ImageChops.difference(picture, ImageChops.offset(picture, 0, 1))
    red, green, blue = ImageChops.lighter(right, below).split()
    edges = ImageChops.lighter(ImageChops.lighter(red, green), blue).point(
        [0 if n < 2 else 255 for n in range(256)]
    )
    return edges.reduce(CELL).point([255 if n == 0 else 0 for n in range(256)]).resize(size)
