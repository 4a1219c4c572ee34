"""Looking into a network: drawn as in the paper, stage by stage, and how far each stage sees."""

from __future__ import annotations

import itertools

import numpy as np

from xnet_tf.backend import keras, tf

layers = keras.layers

INK, DOWN, UP, SKIP = "#333333", "#440154", "#b5367a", "#888888"
BOX, COPY = "#21908c", "#a3d5d1"
COLUMN, LEVEL, LEFT, TOP = 84, 100, 70, 60
"""Distances in the drawing, in pixels: between stages, between resolutions, and the margins."""

LEGEND = {
    INK: "same size",
    DOWN: "2x2 max pooling",
    UP: "up-sampling by 2",
    SKIP: "skip: copied beside",
}


def network_svg(model: keras.Model) -> str:
    """Draw XNet: one box for each convolution block, lower where the resolution is lower.

    A box is as high as its output is and as wide as it has filters, both on a root scale.
    What a skip brings is laid beside it, in a lighter colour. Nothing
    is drawn from memory: sizes, filters, ways up and skips are read from the model.

    Args:
        model: of `xnet_tf.build_xnet`, with a fixed input shape.

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
    for one, other in itertools.pairwise(boxes):
        colour = DOWN if other["size"] < one["size"] else UP if other["size"] > one["size"] else INK
        lines.append(_line(one["end"], one["y"], other["left"], other["y"], colour))
    for box in boxes:
        drawn.append(_box(box["left"], box["y"], box["width"], box["height"], BOX))
        drawn.append(_text(box["x"], box["y"] - box["height"] / 2 - 5, box["filters"]))
        drawn.append(_text(box["x"], box["y"] + box["height"] / 2 + 13, box["stage"]))
    levels = {f"{box['size']} px": box["y"] for box in boxes}
    drawn += [_text(24, y + 4, text) for text, y in levels.items()]
    width, bottom = LEFT + COLUMN * len(boxes), max(levels.values()) + 70
    for k, (colour, text) in enumerate(LEGEND.items()):
        x = LEFT + 190 * k
        lines.append(_line(x, bottom, x + 40, bottom, colour))
        drawn.append(_text(x + 48, bottom + 4, text, ' text-anchor="start"'))
    body = "\n".join(lines + drawn)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {bottom + 20}" '
        f'width="100%" font-family="sans-serif" font-size="11" text-anchor="middle" '
        f'fill="{INK}">\n<title>XNet</title>\n{body}\n</svg>\n'
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
    order = {f"{row['stage']}_relu": k for k, row in enumerate(stages(model))}
    makers = {id(layer.output): layer.name for layer in model.layers}
    return [
        tuple(order[makers[id(tensor)]] for tensor in layer.input)
        for layer in model.layers
        if isinstance(layer, layers.Concatenate)
    ]


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
    return [layer for layer in model.layers if isinstance(layer, layers.Conv2D)]


def _box(left: float, y: float, width: float, height: float, colour: str) -> str:
    corner = f'x="{left:.0f}" y="{y - height / 2:.0f}"'
    return f'<rect {corner} width="{width:.0f}" height="{height:.0f}" fill="{colour}"/>'


def _line(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    dashed = ' stroke-dasharray="5 4"' if colour == SKIP else ""
    x2 -= 4  # room for the dot
    return (
        f'<line x1="{x1:.0f}" y1="{y1:.0f}" x2="{x2:.0f}" y2="{y2:.0f}" stroke="{colour}" '
        f'stroke-width="2"{dashed}/><circle cx="{x2:.0f}" cy="{y2:.0f}" r="3" fill="{colour}"/>'
    )


def _text(x: float, y: float, text: object, style: str = "") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}"{style}>{text}</text>'
