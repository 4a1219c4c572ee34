"""Looking into a network: drawn as in the paper, stage by stage, and how far each stage sees."""

from __future__ import annotations

import numpy as np

from xnet_tf.backend import keras, tf

layers = keras.layers

INK, DOWN, UP, SKIP = "#333333", "#440154", "#b5367a", "#888888"
BOX, COPY = "#21908c", "#a3d5d1"
COLUMN, LEVEL, LEFT, TOP = 84, 100, 70, 60
"""Distances in the drawing, in pixels: between stages, between resolutions, and the margins."""


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
    rows = stages(model)
    sizes = [int(row["output"].split("x")[0]) for row in rows]
    places = [
        (LEFT + COLUMN * k, TOP + LEVEL * round(np.log2(max(sizes) / size)))
        for k, size in enumerate(sizes)
    ]
    boxes = [
        (3 * row["filters"] ** 0.4, 5 * size**0.5) for row, size in zip(rows, sizes, strict=True)
    ]
    arriving = {end: start for start, end in skips(model)}
    # What a skip brings stands to the right of the box that it is laid beside.
    beside = [boxes[arriving[k]][0] if k in arriving else 0 for k in range(len(rows))]
    parts = []
    for end, start in arriving.items():
        x = places[end][0] + boxes[end][0] / 2
        parts.append(_line(_right(places[start], boxes[start]), (x, places[end][1]), SKIP))
    for k in range(1, len(rows)):
        colour = INK if sizes[k] == sizes[k - 1] else DOWN if sizes[k] < sizes[k - 1] else UP
        start = _right(places[k - 1], boxes[k - 1], beside[k - 1])
        parts.append(_line(start, (places[k][0] - boxes[k][0] / 2, places[k][1]), colour))
    for (x, y), (width, height), extra, row in zip(places, boxes, beside, rows, strict=True):
        parts.append(_box(x - width / 2, y, width, height, BOX))
        if extra:
            parts.append(_box(x + width / 2, y, extra, height, COPY))
        parts.append(_text(x, y - height / 2 - 5, row["filters"]))
        parts.append(_text(x, y + height / 2 + 13, row["stage"]))
    for size in sorted(set(sizes)):
        y = places[sizes.index(size)][1]
        parts.append(_text(24, y + 4, f"{size} px"))
    width, bottom = LEFT + COLUMN * len(rows), max(y for _, y in places) + 70
    parts += _legend(bottom)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {bottom + 20}" '
        f'width="100%" font-family="sans-serif" font-size="11" text-anchor="middle" '
        f'fill="{INK}">\n<title>XNet</title>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def stages(model: keras.Model) -> list[dict]:
    """List a model's convolutions in order.

    Returns:
        A dictionary each: ``stage``, ``filters``, ``kernel``, ``output`` (size), ``parameters``
        (of the convolution and its batch normalisation).
    """
    rows = []
    for layer in model.layers:
        if not isinstance(layer, layers.Conv2D):
            continue
        norm = next((n for n in model.layers if n.name == f"{layer.name}_bn"), None)
        rows.append(
            {
                "stage": layer.name,
                "filters": layer.filters,
                "kernel": "x".join(map(str, layer.kernel_size)),
                "output": "x".join(map(str, layer.output.shape[1:3])),
                "parameters": layer.count_params() + (norm.count_params() if norm else 0),
            }
        )
    return rows


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
    for layer in copy.layers:
        if isinstance(layer, layers.Conv2D):
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
        layer.name: float(layer.kernel_regularizer(layer.kernel))
        for layer in model.layers
        if isinstance(layer, layers.Conv2D)
    }


def _right(place, box, beside: float = 0) -> tuple[float, float]:
    # The middle of a box's right side, and of what stands beside it.
    return place[0] + box[0] / 2 + beside, place[1]


def _box(x: float, y: float, width: float, height: float, colour: str) -> str:
    corner = f'x="{x:.0f}" y="{y - height / 2:.0f}"'
    return f'<rect {corner} width="{width:.0f}" height="{height:.0f}" fill="{colour}"/>'


def _line(start, end, colour) -> str:
    dashed = ' stroke-dasharray="5 4"' if colour == SKIP else ""
    x1, y1, x2, y2 = *start, end[0] - 4, end[1]
    return (
        f'<line x1="{x1:.0f}" y1="{y1:.0f}" x2="{x2:.0f}" y2="{y2:.0f}" stroke="{colour}" '
        f'stroke-width="2"{dashed}/><circle cx="{x2:.0f}" cy="{y2:.0f}" r="3" fill="{colour}"/>'
    )


def _text(x: float, y: float, text: object) -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}">{text}</text>'


def _legend(y: float) -> list[str]:
    entries = (
        (INK, "same size"),
        (DOWN, "2x2 max pooling"),
        (UP, "up-sampling by 2"),
        (SKIP, "skip: copied beside"),
    )
    parts = []
    for k, (colour, words) in enumerate(entries):
        x = LEFT + 190 * k
        parts.append(_line((x, y), (x + 40, y), colour))
        parts.append(f'<text x="{x + 48}" y="{y + 4:.0f}" text-anchor="start">{words}</text>')
    return parts
