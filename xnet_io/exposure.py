"""Which part of a picture is X-ray: without frames, dead lines and boxes that were added to it.

What is no X-ray shall decide neither the grey scale nor the polarity. Nothing is taken away from a
picture that is X-ray to its edges.
"""

from __future__ import annotations

import numpy as np

Region = tuple[slice, slice]
"""Rows and columns of a picture."""

# JPEG blurs a frame's edge over the lines of one block, by up to this share of the range.
_BLOCK, _BLUR = 8, 0.03

# A frame's edge runs along a whole side at once, but the picture may be as black in places.
_EDGE_SHARE = 1 / 3

_SMALLEST_SHARE, _SMALLEST_SIDE = 0.1, 16
# Share of a picture's lines that may be dead, or of a line's pixels that may be unlike its ground.
_MOST_DEAD = _MOST_UNLIKE = 0.05
# Width of strokes relative to the longer side, their height relative to the range, and how many
# pixels of them, per pixel of that side, are writing.
_STROKE, _STROKE_HEIGHT, _FEWEST_STROKES = 0.01, 0.85, 0.5
# Of a box around letters so much lies between them, where the ground is; and at least so much of it
# is that ground. Of noise, which has bright specks in the dark too, hardly a tenth is alike.
_GROUND, _LEAST_GROUND = 0.1, 0.3
_BOX_SHARE, _BOX_GAP, _FEWEST_LEVELS = 0.2, 0.5, 16


def find(values: np.ndarray) -> Region:
    """Find the picture within uniform margins: frames, letterboxes, mounts, straight shutters.

    A margin is made of lines of one grey value and ends abruptly along a whole side. A saturated
    open beam, which is uniform as well, ends where the body begins, and is no margin.

    Args:
        values: any real dtype ``(H, W)``, finite.

    Returns:
        The region, the whole picture if it has no margin.
    """
    cuts = _cuts(values)
    inner, widest = values[_region(values, cuts)], max(cuts)
    if widest:
        # Where the picture begins as uniform as the frame is, as much is cut off as elsewhere.
        for side, lines in enumerate(_sides(inner)):
            if not cuts[side] and lines[0, 0] == values[0, 0]:
                cuts[side] = min(_uniform(lines), widest)
    return _region(values, [0] * 4 if _too_little(values, cuts) else cuts)


def without_dead_lines(values: np.ndarray) -> np.ndarray:
    """Replace whole rows and columns of one value, unlike their neighbours, by the nearest others.

    Args:
        values: any real dtype ``(H, W)``.

    Returns:
        The same array if it has no such lines, else a copy.
    """
    if min(values.shape) < _SMALLEST_SIDE:
        return values
    for axis in (0, 1):
        lines = values if axis == 0 else values.T
        uniform = lines.min(axis=1) == lines.max(axis=1)
        if not 0 < uniform.sum() <= max(1, _MOST_DEAD * len(lines)):
            continue
        good = np.flatnonzero(~uniform)
        dead = np.flatnonzero(uniform)
        nearest = good[np.abs(good[:, np.newaxis] - dead).argmin(axis=0)]
        unlike = (lines[dead] != lines[nearest]).mean(axis=1) > 1 - _EDGE_SHARE
        if unlike.any():
            lines = lines.copy()
            lines[dead[unlike]] = lines[nearest[unlike]]
            values = lines if axis == 0 else lines.T
    return values


def without_boxes(values: np.ndarray) -> np.ndarray:
    """Bring a lone value far beyond all others, as burnt-in labels have it, to the next one.

    Args:
        values: any real dtype ``(H, W)``, finite.

    Returns:
        The same array if it has no such value, else a copy.
    """
    # Of big pictures a regular sample: what it misses is too little to set the scale.
    sample = values[:: 1 + values.shape[0] // 1024, :: 1 + values.shape[1] // 1024]
    levels, counts = np.unique(sample, return_counts=True)
    most = _BOX_SHARE * sample.size
    while len(levels) >= _FEWEST_LEVELS:
        below, above = np.diff(levels[[0, 1, -2, -1]].astype(np.float64))[::2]
        gap = _BOX_GAP * (float(levels[-1]) - float(levels[0]))
        if below > gap and counts[0] <= most:
            levels, counts = levels[1:], counts[1:]
        elif above > gap and counts[-1] <= most:
            levels, counts = levels[:-1], counts[:-1]
        else:
            break
        values = np.clip(values, levels[0], levels[-1])
    return values


def without_writing(image: np.ndarray) -> np.ndarray:
    """Fill thin strokes as bright as the open beam in the dark, as letters burnt in are.

    No X-ray draws them: they would be slits in metal. A rectangle around each line of letters, and
    what there is around it of the same ground, is interpolated between what lies above and below.

    Args:
        image: float32 ``(H, W)`` in [0, 1], open beam bright.

    Returns:
        The same array if it has no such strokes, else a copy.
    """
    import cv2

    longer = max(image.shape)
    side = max(3, round(_STROKE * longer)) | 1
    kernel = np.ones((side, side), np.uint8)
    tophat = cv2.morphologyEx(np.uint8(255 * image), cv2.MORPH_TOPHAT, kernel)
    strokes = np.uint8(tophat > 255 * _STROKE_HEIGHT)
    if np.count_nonzero(strokes) <= _FEWEST_STROKES * longer:
        return image
    # Letters of one line grow together; their soft edges are theirs.
    lines = cv2.morphologyEx(strokes, cv2.MORPH_CLOSE, np.ones((4 * side, 4 * side), np.uint8))
    lines = cv2.dilate(lines, np.ones((_BLOCK, _BLOCK), np.uint8))
    filled = image
    for left, top, width, height, _ in cv2.connectedComponentsWithStats(lines)[2][1:]:
        letters = slice(top, top + height), slice(left, left + width)
        ground = np.quantile(filled[letters], _GROUND)
        if (np.abs(filled[letters] - ground) <= _BLUR).mean() >= _LEAST_GROUND:
            filled = image.copy() if filled is image else filled
            _fill(filled, *_with_ground(filled, letters, ground))
    return filled


def _with_ground(image: np.ndarray, letters: Region, ground: float) -> Region:
    """Widen a line of letters to the edges of its ground, where there are any within its height."""
    rows, columns = letters
    reach = min(rows.stop - rows.start, columns.stop - columns.start)

    def count(lines: np.ndarray) -> int:
        ends = (np.abs(lines[:reach] - ground) > _BLUR).mean(axis=1) > _MOST_UNLIKE
        return int(np.argmax(ends)) if ends.any() else 0

    columns = slice(
        columns.start - count(image[rows, : columns.start].T[::-1]),
        columns.stop + count(image[rows, columns.stop :].T),
    )
    rows = slice(
        rows.start - count(image[: rows.start, columns][::-1]),
        rows.stop + count(image[rows.stop :, columns]),
    )
    # Beyond the edge lies what JPEG has made of it.
    return tuple(slice(max(0, side.start - _BLOCK), side.stop + _BLOCK) for side in (rows, columns))


def _fill(image: np.ndarray, rows: slice, columns: slice) -> None:
    """Interpolate a box linearly across its shorter side, in place."""
    part = image[rows, columns]
    if part.shape[0] > part.shape[1]:
        _fill(image.T, columns, rows)
        return
    beside = [line for line in (rows.start - 1, rows.stop) if 0 <= line < len(image)]
    if beside:  # else the box goes from border to border
        weight = np.linspace(0, 1, len(part), dtype=image.dtype)[:, np.newaxis]
        part[:] = (1 - weight) * image[beside[0], columns] + weight * image[beside[-1], columns]


def _sides(values: np.ndarray) -> list[np.ndarray]:
    """Return the lines from the top, the bottom, the left and the right."""
    return [values, values[::-1], values.T, values.T[::-1]]


def _region(values: np.ndarray, cuts: list[int]) -> Region:
    rows, columns = values.shape
    return slice(cuts[0], rows - cuts[1]), slice(cuts[2], columns - cuts[3])


def _too_little(values: np.ndarray, cuts: list[int]) -> bool:
    """Whether what the cuts leave is too small to be a picture."""
    inner = values[_region(values, cuts)]
    return min(inner.shape) < _SMALLEST_SIDE or inner.size < _SMALLEST_SHARE * values.size


def _cuts(values: np.ndarray) -> list[int]:
    """Cut off margins on the four sides until none is left."""
    cuts, more = [0] * 4, [1] * 4
    while any(more):
        if _too_little(values, cuts):
            return [0] * 4
        more = [_margin(lines) for lines in _sides(values[_region(values, cuts)])]
        cuts = [cut + lines for cut, lines in zip(cuts, more, strict=True)]
    return cuts


def _uniform(lines: np.ndarray) -> int:
    """Count the first lines that all have one grey value."""
    level = lines[0, 0]
    if (lines[0] != level).any():
        return 0
    unlike = (lines.min(axis=1) != level) | (lines.max(axis=1) != level)
    return int(np.argmax(unlike))


def _margin(lines: np.ndarray) -> int:
    """Count the first lines that are margin: uniform, with an abrupt edge."""
    count = _uniform(lines)
    if not count:
        return 0
    beyond = np.abs(lines[count : count + _BLOCK] - float(lines[0, 0]))
    blur = _BLUR * (float(lines.max()) - float(lines.min()))
    abrupt = (beyond > blur).mean(axis=1) >= _EDGE_SHARE
    if abrupt.any():
        # Before it lies what JPEG has made of the edge.
        return count + int(np.argmax(abrupt))
    return count if (beyond[0] > 0).mean() >= _EDGE_SHARE else 0
