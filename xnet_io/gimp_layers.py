"""Layered projects of GIMP: which layers are the mask, and what they show together.

Nothing is guessed: a project whose layers can be understood in two ways is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from xnet_io.palettes import Palette
from xnet_io.pictures import fault
from xnet_tf.classes import normal_name

LABELS = "labels"
"""Name of the colour layer in the projects that this package writes."""

_LABEL_NAMES = (LABELS, "label", "mask")

_MOSTLY = 0.5

_CLASS_NAMES_HELP = "name the layers after the classes, or one layer 'labels'"


@dataclass(frozen=True)
class Layer:
    """One layer of a project; groups are dissolved, their visibility and opacity inherited.

    Attributes:
        name: as the user gave it.
        left: column of its left edge in the image; may be negative.
        top: row of its upper edge; may be negative.
        visible: whether it and all its groups are shown.
        opacity: 0 to 1, its groups' included.
        special: what makes its pixels look different from what is stored, or "": for instance
            "the mode Multiply" or "a layer mask". With it the remedy.
        pixels: decodes it to uint8 ``(h, w, 4)``, RGBA.
    """

    name: str
    left: int
    top: int
    visible: bool
    opacity: float
    special: tuple[str, str]
    pixels: Callable[[], np.ndarray]


@dataclass(frozen=True)
class Project:
    """A layered picture.

    Attributes:
        height: of the image, in pixels.
        width: of the image, in pixels.
        layers: the topmost first.
    """

    height: int
    width: int
    layers: list[Layer]


def with_alpha(pixels: np.ndarray) -> np.ndarray:
    """Return uint8 ``(h, w, 4)`` of RGB or RGBA pixels; RGB ones are opaque."""
    if pixels.shape[-1] == 4:
        return pixels
    return np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])


def flatten(path: str | Path, project: Project, palette: Palette) -> np.ndarray:
    """Lay the mask's layers over each other.

    1. Layers named after classes ("bone", "soft tissue", ...) are the mask; each may hold its own
       class's colours only. The others are ignored.
    2. Without those, one layer named "labels" (or "label", "mask") is.
    3. Without that, all visible layers are; each must be fully opaque as a layer.

    In cases 1 and 2 a layer's opacity is a viewing aid and changes nothing; hidden layers are
    refused, since hiding one by accident would lose a class. So is a visible layer that is none of
    these but painted in the classes' colours, such as "bone copy".

    Args:
        path: of the file, for messages.
        project: its layers.
        palette: the classes.

    Returns:
        uint8 ``(H, W, 4)``, RGBA: each pixel that of the topmost layer that is not fully
        transparent there, with that layer's alpha.

    Raises:
        InputError: if the layers do not settle what the mask is.
    """
    chosen, by_class = _choose(path, project, palette)
    _check_left_out(path, project, chosen, palette)
    canvas = np.zeros((project.height, project.width, 4), dtype=np.uint8)
    for layer in reversed(chosen):
        pixels = layer.pixels()
        if by_class:
            _check_own_class(path, layer, pixels, palette)
        _paste(canvas, layer, pixels)
    return canvas


def _choose(path: str | Path, project: Project, palette: Palette) -> tuple[list[Layer], bool]:
    names = {normal_name(palette.names[class_id]) for class_id in palette.ids}
    by_class = [layer for layer in project.layers if normal_name(layer.name) in names]
    by_name = [layer for layer in project.layers if normal_name(layer.name) in _LABEL_NAMES]
    if by_class and by_name:
        wrong = f"has a layer {by_name[0].name!r} and layers named after classes"
        raise fault(path, wrong, "rename one kind (GIMP: Layer > Edit Layer Attributes)")
    if len(by_name) > 1:
        wrong = f"has {len(by_name)} layers called {by_name[0].name!r} or alike"
        raise fault(path, wrong, "merge them (GIMP: Layer > Merge Down) or rename all but one")
    chosen = by_class or by_name
    for layer in chosen:
        if not layer.visible or layer.opacity <= 0:
            wrong = f"layer {layer.name!r} is hidden"
            raise fault(path, wrong, "show it (the eye in GIMP's Layers dialog), or rename it")
    if not chosen:
        chosen = [layer for layer in project.layers if layer.visible and layer.opacity > 0]
        _check_opaque_layers(path, chosen)
    for layer in chosen:
        if layer.special[0]:
            raise fault(path, f"layer {layer.name!r} has {layer.special[0]}", layer.special[1])
    return chosen, bool(by_class)


def _check_opaque_layers(path: str | Path, layers: list[Layer]) -> None:
    if not layers:
        raise fault(path, "has no visible layer", _CLASS_NAMES_HELP)
    for layer in layers:
        # GIMP keeps opacities as float32 percentages.
        if layer.opacity < 0.9999:
            wrong = f"layer {layer.name!r} has an opacity of {100 * layer.opacity:.0f} %"
            remedy = "set it to 100 (GIMP: Layers dialog, Opacity), or call the layer 'labels'"
            raise fault(path, wrong, remedy)


def _check_left_out(
    path: str | Path, project: Project, chosen: list[Layer], palette: Palette
) -> None:
    for layer in project.layers:
        if layer in chosen or not layer.visible or layer.opacity <= 0:
            continue
        pixels = layer.pixels()
        painted = pixels[..., 3] > 0
        colours = pixels[painted][:, np.newaxis, :3]
        # A radiograph may have a class's colour here and there, if that is black, say.
        if colours.size and (colours == palette.colours).all(-1).any(-1).mean() > _MOSTLY:
            wrong = f"layer {layer.name!r} is painted in the classes' colours, but is not used"
            raise fault(path, wrong, "merge it (GIMP: Layer > Merge Down), rename or hide it")


def _check_own_class(path: str | Path, layer: Layer, pixels: np.ndarray, palette: Palette) -> None:
    named = palette.find(layer.name)
    for colour, class_id in zip(palette.colours, palette.ids, strict=True):
        if class_id == named:
            continue
        wrong = (pixels[..., :3] == colour).all(axis=-1) & (pixels[..., 3] > 0)
        if wrong.any():
            y, x = np.unravel_index(wrong.argmax(), wrong.shape)
            text = (
                f"layer {layer.name!r} holds {wrong.sum():,} pixels in the colour of "
                f"{palette.names[class_id]}, the first at (x, y) = "
                f"({x + layer.left}, {y + layer.top})"
            )
            raise fault(path, text, "paint every class on its own layer, or merge the layers")


def _paste(canvas: np.ndarray, layer: Layer, pixels: np.ndarray) -> None:
    height, width = canvas.shape[:2]
    top, left = max(layer.top, 0), max(layer.left, 0)
    bottom = min(layer.top + pixels.shape[0], height)
    right = min(layer.left + pixels.shape[1], width)
    if top >= bottom or left >= right:
        return
    part = pixels[top - layer.top : bottom - layer.top, left - layer.left : right - layer.left]
    target = canvas[top:bottom, left:right]
    shown = part[..., 3] > 0
    target[shown] = part[shown]
