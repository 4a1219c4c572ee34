"""Looking into a network: drawn as in the paper, stage by stage, and how far each stage sees."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from xnet_tf.backend import keras, tf

layers = keras.layers

CONVOLUTIONS = (layers.Conv2D, layers.Conv2DTranspose)

INK, DOWN, UP, SKIP, PLACES = "#333333", "#440154", "#b5367a", "#777777", "#c26a00"
BOX, COPY = "#21908c", "#a3d5d1"
COLUMN, LEVEL, LEFT, TOP = 84, 112, 90, 70
"""Distances in the drawing, in pixels: between stages, between resolutions, and the margins."""

LEGEND = {
    INK: "same size",
    DOWN: "2x2 max pooling",
    UP: "up by 2",
    SKIP: "skip: copied beside",
    PLACES: "places of the maxima",
}
DASHED = (SKIP, PLACES)


def network_svg(model: keras.Model) -> str:
    """Draw a network: one box for each convolution, lower where the resolution is lower.

    A box is as high as its output is and as wide as it has filters, both on a root scale.
    What a skip brings is laid beside it, in a lighter colour. Nothing is drawn from memory: sizes,
    filters, ways up, skips and places of maxima are read from the model.

    Args:
        model: XNet, U-Net or SegNet of this project, with a fixed input shape.

    Returns:
        The SVG's text; ``IPython.display.SVG`` shows it.
    """
    boxes = _boxes(model)
    lines, drawn = [], []
    for start, end in skips(model):
        # What a skip brings stands to the right of the box that it is laid beside.
        copied, place = boxes[start], boxes[end]
        lines.append(_line(copied["right"], copied["y"], place["right"], place["y"], SKIP))
        drawn.append(_box(place["right"], place["y"], copied["width"], place["height"], COPY))
        place["end"] += copied["width"]
    for start, end in maxima_places(model):
        lines.append(_line(boxes[start]["x"], *_under(boxes, start, end), PLACES))
    for one, other in itertools.pairwise(boxes):
        colour = DOWN if other["size"] < one["size"] else UP if other["size"] > one["size"] else INK
        lines.append(_line(one["end"], one["y"], other["left"], other["y"], colour))
    for box in boxes:
        drawn.append(_box(box["left"], box["y"], box["width"], box["height"], BOX))
        drawn.append(_text(box["x"], box["y"] - box["height"] / 2 - 6, box["filters"]))
        drawn.append(_text(box["x"], box["y"] + box["height"] / 2 + 18, box["stage"]))
    levels = {f"{box['size']} px": box["y"] for box in boxes}
    drawn += [_text(34, y + 6, text) for text, y in levels.items()]
    width, bottom = max(LEFT + COLUMN * len(boxes), 1180), max(levels.values()) + 84
    used = [colour for colour in LEGEND if any(f'stroke="{colour}"' in line for line in lines)]
    for k, colour in enumerate(used):
        x = LEFT + 250 * k
        lines.append(_line(x, bottom, x + 40, bottom, colour))
        drawn.append(_text(x + 48, bottom + 6, LEGEND[colour], ' text-anchor="start"'))
    body = "\n".join(lines + drawn)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {bottom + 24}" '
        f'width="100%" font-family="sans-serif" font-size="17" text-anchor="middle" '
        f'fill="{INK}" role="img">\n<title>The network {model.name}, drawn</title>\n'
        f'<rect width="100%" height="100%" fill="#ffffff"/>\n{body}\n</svg>\n'
    )


def _boxes(model: keras.Model) -> list[dict]:
    """Add to each of the `stages` the size of its output, and where its box lies."""
    boxes = [row | {"size": int(row["output"].split("x")[0])} for row in stages(model)]
    largest = max(box["size"] for box in boxes)
    for k, box in enumerate(boxes):
        box["x"], box["y"] = LEFT + COLUMN * k, TOP + LEVEL * round(np.log2(largest / box["size"]))
        box["width"], box["height"] = 3 * box["filters"] ** 0.4, 5 * box["size"] ** 0.5
        box["left"], box["right"] = box["x"] - box["width"] / 2, box["x"] + box["width"] / 2
        box["end"] = box["right"]
    return boxes


def _under(boxes: list[dict], start: int, end: int) -> tuple[float, float, float]:
    """Return where a line leaves below one box and where it arrives, below the other."""
    below = boxes[start]["height"] / 4
    return boxes[start]["y"] + below, boxes[end]["left"], boxes[end]["y"] + below


def stages(model: keras.Model) -> list[dict]:
    """List a model's convolutions in order.

    Returns:
        A dictionary each: ``stage``, ``filters``, ``kernel``, ``output`` (size), ``parameters``
        (of the convolution and its batch normalisation).
    """
    sizes = {layer.name: layer.count_params() for layer in model.layers}
    return [
        {
            "stage": layer.name,
            "filters": layer.filters,
            "kernel": "x".join(map(str, layer.kernel_size)),
            "output": "x".join(map(str, layer.output.shape[1:3])),
            "parameters": sizes[layer.name] + sizes.get(f"{layer.name}_bn", 0),
        }
        for layer in _convolutions(model)
    ]


def skips(model: keras.Model) -> list[tuple[int, int]]:
    """List the skip connections: indices into `stages` of where they leave and arrive."""
    return [tuple(map(_made_by(model), layer.input)) for layer in _of(model, "Concatenate")]


def maxima_places(model: keras.Model) -> list[tuple[int, int]]:
    """List where the places of maxima go: from the stage before the pooling to that after."""
    stage_of = _made_by(model)
    ways = [map(stage_of, layer.input) for layer in _of(model, "MaxUnpooling")]
    return [(start, before + 1) for before, start in ways]


def _made_by(model: keras.Model) -> Callable[..., int]:
    """Return a function that finds the stage a tensor comes from, as an index into `stages`."""
    order = {layer.name: k for k, layer in enumerate(_convolutions(model))}

    def stage_of(tensor) -> int:
        layer = tensor._keras_history.operation
        return order[layer.name] if layer.name in order else stage_of(layer.input)

    return stage_of


def _of(model: keras.Model, kind: str) -> list[keras.Layer]:
    return [layer for layer in model.layers if type(layer).__name__ == kind]


def stage_outputs(model: keras.Model) -> keras.Model:
    """Return a model of every block's output (convolution, normalisation, ReLU), in order."""
    blocks = {f"{row['stage']}_relu" for row in stages(model)}
    outputs = [layer.output for layer in model.layers if layer.name in blocks]
    return keras.Model(model.input, outputs)


def receptive_field(model: keras.Model, stage: str, images: int = 16) -> int:
    """Measure how far a stage sees: the rows of the image that can change one of its pixels.

    Args:
        model: of `xnet_tf.build_xnet`, with a fixed input shape. Its weights do not matter.
        stage: name of a convolution, for instance ``"conv5"``.
        images: how many random images to try. A pooling passes on only the largest of four
            pixels; over several images each of them is the largest at times.

    Returns:
        The number of rows.
    """
    copy = keras.models.clone_model(model)
    for layer in _convolutions(copy):
        # Positive weights on positive images, so that no ReLU hides anything.
        layer.kernel.assign(keras.ops.abs(layer.kernel) + 0.01)
    block = keras.Model(copy.input, copy.get_layer(f"{stage}_relu").output)
    rng = np.random.default_rng(1)
    pictures = tf.constant(rng.uniform(0, 1, (images, *model.input_shape[1:])), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(pictures)
        output = block(pictures)
        middle = tf.reduce_sum(output[:, output.shape[1] // 2, output.shape[2] // 2])
    changed = tape.gradient(middle, pictures).numpy() != 0
    return int(changed.any(axis=(0, 2, 3)).sum())


def l2_terms(model: keras.Model) -> dict[str, float]:
    """Return what each convolution's L2 regularisation adds to the loss, by its name."""
    return {
        layer.name: float(layer.kernel_regularizer(layer.kernel)) for layer in _convolutions(model)
    }


def _convolutions(model: keras.Model) -> list[keras.Layer]:
    return [layer for layer in model.layers if isinstance(layer, CONVOLUTIONS)]


def _box(left: float, y: float, width: float, height: float, colour: str) -> str:
    corner = f'x="{left:.0f}" y="{y - height / 2:.0f}"'
    return f'<rect {corner} width="{width:.0f}" height="{height:.0f}" fill="{colour}"/>'


def _line(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    dashed = ' stroke-dasharray="5 4"' if colour in DASHED else ""
    x2 -= 4  # room for the dot
    return (
        f'<line x1="{x1:.0f}" y1="{y1:.0f}" x2="{x2:.0f}" y2="{y2:.0f}" stroke="{colour}" '
        f'stroke-width="2"{dashed}/><circle cx="{x2:.0f}" cy="{y2:.0f}" r="3" fill="{colour}"/>'
    )


def _text(x: float, y: float, text: object, style: str = "") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}"{style}>{text}</text>'
