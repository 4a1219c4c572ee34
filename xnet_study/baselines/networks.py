"""The networks that XNet is compared with, each named for what it is.

All have XNet's blocks (convolution, batch normalisation, ReLU; L2 on every convolution), its head,
its four widths and its three halvings: at 200x200 pixels a fourth would need padding, since 25 is
odd. What the authors' repository holds under the same names is here as well, as it is wired there.

Each is a function from the image's tensor to the features before the head; `build` adds what they
share. The functions' arguments are `build`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from xnet_study.baselines.deeplab import deeplab
from xnet_study.baselines.unpooling import MaxPoolingWithIndices, MaxUnpooling
from xnet_tf import classes, model
from xnet_tf.backend import keras
from xnet_tf.model import UpConv2D, build_xnet, check_arguments, classify, conv_block, pool

layers = keras.layers


def build(
    features: Callable,
    input_shape: Sequence[int | None] = (200, 200, 1),
    num_classes: int = classes.COUNT,
    filters: Sequence[int] = (64, 128, 256, 512),
    kernel_size: int = 3,
    l2: float = 1e-4,
) -> keras.Model:
    """Build a network: an image, its features, the head.

    Args:
        features: one of the functions below, whose name is the network's.
        input_shape: as for `xnet_tf.build_xnet`.
        num_classes: number of regions.
        filters: convolution filters at full, half, quarter and eighth resolution.
        kernel_size: side of the convolution kernels.
        l2: as for `xnet_tf.build_xnet`.

    Returns:
        A model as `xnet_tf.build_xnet` returns it.

    Raises:
        ValueError: as `xnet_tf.build_xnet`.
    """
    check_arguments(input_shape, filters, kernel_size)
    image = keras.Input(input_shape, name="image")
    outputs = classify(features(image, filters, kernel_size, l2), num_classes, l2)
    return keras.Model(image, outputs, name=features.__name__)


def unet(image, filters: Sequence[int], kernel_size: int, l2: float):
    """U-Net: down and up once, every resolution handed across.

    It differs from the published one in that convolutions keep the size (nothing is cropped from
    the skips), are followed by batch normalisation, and there are four resolutions, not five: 25x25
    pixels at the bottom, where the original has 28x28. There is no dropout at the bottom.

    References:
        Ronneberger, Fischer and Brox, U-Net, MICCAI 2015.
    """
    *outer, deepest = filters
    blocks = partial(_blocks, kernel_size=kernel_size, l2=l2)
    x, skips = image, []
    for level, width in enumerate(outer, 1):
        skips.append(blocks(x, level, width, width))
        x = pool(skips[-1])
    x = blocks(x, len(filters), deepest, deepest)
    for stage, width in enumerate(reversed(outer), len(filters) + 1):
        x = layers.Conv2DTranspose(
            width, 2, strides=2, kernel_regularizer=keras.regularizers.L2(l2), name=f"up{stage}"
        )(x)
        x = layers.Concatenate(name=f"skip{stage}")([skips.pop(), x])
        x = blocks(x, stage, width, width)
    return x


def unet_as_wired(image, filters: Sequence[int], kernel_size: int, l2: float):
    """What the authors' repository calls U-Net, as its layers are connected there.

    Nothing is handed across. There is no batch normalisation. A fifth width, twice the fourth, has
    the fourth's resolution, since the pooling between them leads nowhere; half of these features
    are dropped in training. The last convolution before the head has two filters. (There the code
    stops with an error at an import that is missing; L2 and the head are added here.)
    """
    full, half, quarter, eighth = filters

    def conv(x, width, stage, layer=layers.Conv2D):
        regularizer = keras.regularizers.L2(l2)
        name = f"conv{stage}"
        x = layer(width, kernel_size, padding="same", kernel_regularizer=regularizer, name=name)(x)
        return layers.ReLU(name=f"{name}_relu")(x)

    x = image
    for stage, width in enumerate((full, half, quarter), 1):
        x = pool(conv(conv(x, width, f"{stage}a"), width, f"{stage}b"))
    x = layers.Dropout(0.5)(conv(conv(x, eighth, "4a"), eighth, "4b"))
    x = layers.Dropout(0.5)(conv(conv(x, 2 * eighth, "5a"), 2 * eighth, "5b"))
    x = conv(conv(x, eighth, "6a"), eighth, "6b")
    for stage, width in enumerate((quarter, half, full), 7):
        x = conv(conv(x, width, f"{stage}a", layer=UpConv2D), width, f"{stage}b")
    return conv(x, 2, "9c")


def segnet(image, filters: Sequence[int], kernel_size: int, l2: float):
    """SegNet: down and up once, only the places of the maxima handed across.

    The way down is VGG-16's first four stages (2, 2, 3 and 3 convolutions), the way up its mirror
    image, in which the last convolution of a stage has the next one's width. The published network
    has a fifth stage and a fourth and fifth pooling, for which 25x25 pixels leave no room.

    References:
        Badrinarayanan, Kendall and Cipolla, SegNet, IEEE TPAMI 39 (2017).
    """
    full, half, quarter, eighth = filters
    stage = partial(_blocks, kernel_size=kernel_size, l2=l2)
    x, places1 = MaxPoolingWithIndices(name="pool1")(stage(image, 1, full, full))
    x, places2 = MaxPoolingWithIndices(name="pool2")(stage(x, 2, half, half))
    x, places3 = MaxPoolingWithIndices(name="pool3")(stage(x, 3, quarter, quarter, quarter))
    x = stage(x, 4, eighth, eighth, eighth)

    x = stage(x, 5, eighth, eighth, quarter)
    x = stage(MaxUnpooling(name="unpool3")([x, places3]), 6, quarter, quarter, half)
    x = stage(MaxUnpooling(name="unpool2")([x, places2]), 7, half, full)
    return stage(MaxUnpooling(name="unpool1")([x, places1]), 8, full)


def simple_segnet(image, filters: Sequence[int], kernel_size: int, l2: float):
    """The authors' SimpleSegNet: down and up once, one block a stage, nothing handed across."""
    *outer, deepest = filters
    x = image
    for stage, width in enumerate(outer, 1):
        x = pool(conv_block(x, width, kernel_size, l2, name=f"conv{stage}"))
    for stage in (4, 5):
        x = conv_block(x, deepest, kernel_size, l2, name=f"conv{stage}")
    for stage, width in enumerate(reversed(outer), 6):
        x = conv_block(x, width, kernel_size, l2, name=f"conv{stage}", layer=UpConv2D)
    return x


def _blocks(x, stage: int, *widths: int, kernel_size: int, l2: float):
    """Blocks one after another, named ``conv<stage>a``, ``conv<stage>b`` and so on."""
    for letter, width in zip("abc", widths, strict=False):
        x = conv_block(x, width, kernel_size, l2, name=f"conv{stage}{letter}")
    return x


@dataclass(frozen=True)
class Network:
    """One of the networks.

    Attributes:
        slug: its name in settings and files.
        name: its name in tables.
        build: takes `xnet_tf.build_xnet`'s arguments.
        description: one line.
    """

    slug: str
    name: str
    build: Callable[..., keras.Model]
    description: str


_NETWORKS = (
    ("xnet", "XNet", build_xnet, "down and up twice, features handed across"),
    ("unet", "U-Net", partial(build, unet), "down and up once, features handed across"),
    ("segnet", "SegNet", partial(build, segnet), "down and up once, places of maxima handed on"),
    (
        "simple-segnet",
        "SimpleSegNet (authors' code)",
        partial(build, simple_segnet),
        "down and up once, nothing handed across",
    ),
    (
        "unet-as-wired",
        "U-Net as wired (authors' code)",
        partial(build, unet_as_wired),
        "down and up once, nothing handed across, two features before the head",
    ),
    (
        "deeplab",
        "DeepLabV3+ (ResNet, untrained)",
        partial(build, deeplab),
        "residual encoder of keras-hub, dilated convolutions at several scales",
    ),
)

NETWORKS = {network[0]: Network(*network) for network in _NETWORKS}
"""By slug, in the order in which they are compared."""

model.NETWORKS.update((slug, network.build) for slug, network in NETWORKS.items())
