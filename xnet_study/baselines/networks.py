"""The networks that XNet is compared with, each named for what it is.

All have XNet's blocks (convolution, batch normalisation, ReLU; L2 on every convolution), its head,
its four widths and its three halvings: at 200x200 pixels a fourth would need padding, since 25 is
odd. What the authors' repository holds under the same names is here as well, as it is wired there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from xnet_study.baselines.deeplab import build_deeplab
from xnet_study.baselines.unpooling import MaxPoolingWithIndices, MaxUnpooling
from xnet_tf import classes, model
from xnet_tf.backend import keras
from xnet_tf.model import UpConv2D, build_xnet, check_arguments, classify, conv_block, pool

layers = keras.layers

SIZE = (200, 200, 1)
WIDTHS = (64, 128, 256, 512)


def build_unet(
    input_shape: Sequence[int | None] = SIZE,
    num_classes: int = classes.COUNT,
    filters: Sequence[int] = WIDTHS,
    kernel_size: int = 3,
    l2: float = 1e-4,
) -> keras.Model:
    """Build U-Net: down and up once, every resolution handed across.

    It differs from the published one in that convolutions keep the size (nothing is cropped from
    the skips), are followed by batch normalisation, and there are four resolutions, not five: 25x25
    pixels at the bottom, where the original has 28x28. There is no dropout at the bottom.

    Args:
        input_shape: as for `xnet_tf.build_xnet`.
        num_classes: number of regions.
        filters: convolution filters at full, half, quarter and eighth resolution.
        kernel_size: side of the convolution kernels.
        l2: as for `xnet_tf.build_xnet`.

    Returns:
        A model as `xnet_tf.build_xnet` returns it.

    Raises:
        ValueError: as `xnet_tf.build_xnet`.

    References:
        Ronneberger, Fischer and Brox, U-Net, MICCAI 2015.
    """
    check_arguments(input_shape, filters, kernel_size)
    *outer, deepest = filters

    def two_blocks(x, width, stage):
        x = conv_block(x, width, kernel_size, l2, name=f"conv{stage}a")
        return conv_block(x, width, kernel_size, l2, name=f"conv{stage}b")

    x = image = keras.Input(input_shape, name="image")
    skips = []
    for level, width in enumerate(outer, 1):
        skips.append(two_blocks(x, width, level))
        x = pool(skips[-1])
    x = two_blocks(x, deepest, len(filters))
    for stage, width in enumerate(reversed(outer), len(filters) + 1):
        x = layers.Conv2DTranspose(
            width, 2, strides=2, kernel_regularizer=keras.regularizers.L2(l2), name=f"up{stage}"
        )(x)
        x = layers.Concatenate(name=f"skip{stage}")([skips.pop(), x])
        x = two_blocks(x, width, stage)
    return keras.Model(image, classify(x, num_classes, l2), name="unet")


def build_unet_as_wired(
    input_shape: Sequence[int | None] = SIZE,
    num_classes: int = classes.COUNT,
    filters: Sequence[int] = WIDTHS,
    kernel_size: int = 3,
    l2: float = 1e-4,
) -> keras.Model:
    """Build what the authors' repository calls U-Net, as its layers are connected there.

    Nothing is handed across. There is no batch normalisation. A fifth width, twice the fourth, has
    the fourth's resolution, since the pooling between them leads nowhere; half of these features
    are dropped in training. The last convolution before the head has two filters. (There the code
    stops with an error at an import that is missing; L2 and the head are added here.)

    Args:
        input_shape: as for `build_unet`.
        num_classes: as for `build_unet`.
        filters: as for `build_unet`.
        kernel_size: as for `build_unet`.
        l2: as for `build_unet`.

    Returns:
        A model as `xnet_tf.build_xnet` returns it.

    Raises:
        ValueError: as `xnet_tf.build_xnet`.
    """
    check_arguments(input_shape, filters, kernel_size)
    full, half, quarter, eighth = filters

    def conv(x, width, stage, layer=layers.Conv2D):
        regularizer = keras.regularizers.L2(l2)
        name = f"conv{stage}"
        x = layer(width, kernel_size, padding="same", kernel_regularizer=regularizer, name=name)(x)
        return layers.ReLU(name=f"{name}_relu")(x)

    x = image = keras.Input(input_shape, name="image")
    for stage, width in enumerate((full, half, quarter), 1):
        x = pool(conv(conv(x, width, f"{stage}a"), width, f"{stage}b"))
    x = layers.Dropout(0.5)(conv(conv(x, eighth, "4a"), eighth, "4b"))
    x = layers.Dropout(0.5)(conv(conv(x, 2 * eighth, "5a"), 2 * eighth, "5b"))
    x = conv(conv(x, eighth, "6a"), eighth, "6b")
    for stage, width in enumerate((quarter, half, full), 7):
        x = conv(conv(x, width, f"{stage}a", layer=UpConv2D), width, f"{stage}b")
    x = conv(x, 2, "9c")
    return keras.Model(image, classify(x, num_classes, l2), name="unet_as_wired")


def build_segnet(
    input_shape: Sequence[int | None] = SIZE,
    num_classes: int = classes.COUNT,
    filters: Sequence[int] = WIDTHS,
    kernel_size: int = 3,
    l2: float = 1e-4,
) -> keras.Model:
    """Build SegNet: down and up once, only the places of the maxima handed across.

    The way down is VGG-16's first four stages (2, 2, 3 and 3 convolutions), the way up its mirror
    image, in which the last convolution of a stage has the next one's width. The published network
    has a fifth stage and a fourth and fifth pooling, for which 25x25 pixels leave no room.

    Args:
        input_shape: as for `build_unet`.
        num_classes: as for `build_unet`.
        filters: as for `build_unet`.
        kernel_size: as for `build_unet`.
        l2: as for `build_unet`.

    Returns:
        A model as `xnet_tf.build_xnet` returns it.

    Raises:
        ValueError: as `xnet_tf.build_xnet`.

    References:
        Badrinarayanan, Kendall and Cipolla, SegNet, IEEE TPAMI 39 (2017).
    """
    check_arguments(input_shape, filters, kernel_size)
    full, half, quarter, eighth = filters

    def stage(x, number, *widths):
        for letter, width in zip("abc", widths, strict=False):
            x = conv_block(x, width, kernel_size, l2, name=f"conv{number}{letter}")
        return x

    x = image = keras.Input(input_shape, name="image")
    x, places1 = MaxPoolingWithIndices(name="pool1")(stage(x, 1, full, full))
    x, places2 = MaxPoolingWithIndices(name="pool2")(stage(x, 2, half, half))
    x, places3 = MaxPoolingWithIndices(name="pool3")(stage(x, 3, quarter, quarter, quarter))
    x = stage(x, 4, eighth, eighth, eighth)

    x = stage(x, 5, eighth, eighth, quarter)
    x = stage(MaxUnpooling(name="unpool3")([x, places3]), 6, quarter, quarter, half)
    x = stage(MaxUnpooling(name="unpool2")([x, places2]), 7, half, full)
    x = stage(MaxUnpooling(name="unpool1")([x, places1]), 8, full)
    return keras.Model(image, classify(x, num_classes, l2), name="segnet")


def build_simple_segnet(
    input_shape: Sequence[int | None] = SIZE,
    num_classes: int = classes.COUNT,
    filters: Sequence[int] = WIDTHS,
    kernel_size: int = 3,
    l2: float = 1e-4,
) -> keras.Model:
    """Build the authors' SimpleSegNet: down and up once, one block a stage, nothing handed across.

    Args:
        input_shape: as for `build_unet`.
        num_classes: as for `build_unet`.
        filters: as for `build_unet`.
        kernel_size: as for `build_unet`.
        l2: as for `build_unet`.

    Returns:
        A model as `xnet_tf.build_xnet` returns it.

    Raises:
        ValueError: as `xnet_tf.build_xnet`.
    """
    check_arguments(input_shape, filters, kernel_size)
    *outer, deepest = filters
    x = image = keras.Input(input_shape, name="image")
    for stage, width in enumerate(outer, 1):
        x = pool(conv_block(x, width, kernel_size, l2, name=f"conv{stage}"))
    for stage in (4, 5):
        x = conv_block(x, deepest, kernel_size, l2, name=f"conv{stage}")
    for stage, width in enumerate(reversed(outer), 6):
        x = conv_block(x, width, kernel_size, l2, name=f"conv{stage}", layer=UpConv2D)
    return keras.Model(image, classify(x, num_classes, l2), name="simple_segnet")


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


NETWORKS = {
    network.slug: network
    for network in (
        Network("xnet", "XNet", build_xnet, "down and up twice, features handed across"),
        Network("unet", "U-Net", build_unet, "down and up once, features handed across"),
        Network("segnet", "SegNet", build_segnet, "down and up once, places of maxima handed on"),
        Network(
            "simple-segnet",
            "SimpleSegNet (authors' code)",
            build_simple_segnet,
            "down and up once, nothing handed across",
        ),
        Network(
            "unet-as-wired",
            "U-Net as wired (authors' code)",
            build_unet_as_wired,
            "down and up once, nothing handed across, two features before the head",
        ),
        Network(
            "deeplab",
            "DeepLabV3+ (ResNet, untrained)",
            build_deeplab,
            "residual encoder of keras-hub, dilated convolutions at several scales",
        ),
    )
}
"""By slug, in the order in which they are compared."""

model.NETWORKS.update((slug, network.build) for slug, network in NETWORKS.items())
