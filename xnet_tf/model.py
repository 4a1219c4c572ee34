"""XNet, written as the paper draws it, its blocks, and other forms of the same network.

A block is a convolution, batch normalisation and a ReLU. XNet goes down and up twice; the second
way up is helped by the first way down and up, so that fine detail survives three poolings.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np

from xnet_tf import classes, preprocessing
from xnet_tf.backend import faster_precision, keras, tf
from xnet_tf.files import InputError

layers = keras.layers

POOLINGS = 3
"""How often XNet halves the resolution; height and width must be divisible by 2 to this power."""


def build_xnet(
    input_shape: Sequence[int | None] = (200, 200, 1),
    num_classes: int = classes.COUNT,
    filters: Sequence[int] = (64, 128, 256, 512),
    kernel_size: int = 3,
    l2: float = 1e-4,
) -> keras.Model:
    """Build XNet.

    Args:
        input_shape: height, width and channels. Height and width divisible by 8, or None for any
            such size.
        num_classes: number of regions.
        filters: convolution filters at full, half, quarter and eighth resolution.
        kernel_size: side of the square convolution kernels.
        l2: factor of the squared kernel weights that every convolution adds to the loss.

    Returns:
        A model from images ``(B, H, W, C)``, normalised to [-1, 1], to float32 probabilities
        ``(B, H, W, num_classes)``. The layer before the softmax is named ``logits``.

    Raises:
        ValueError: if a size is not divisible by 8, the kernel size is even, or `filters` does not
            have four entries.

    References:
        Bullock, Cuesta-Lazaro and Quera-Bofarull, Proc. SPIE 10953 (2019), 10.1117/12.2512451.

    Example:
        >>> build_xnet().count_params()
        11742275
    """
    check_arguments(input_shape, filters, kernel_size)
    full, half, quarter, eighth = filters

    def block(x, filters, stage):
        return conv_block(x, filters, kernel_size, l2, name=f"conv{stage}")

    def up_block(x, filters, stage):
        return conv_block(x, filters, kernel_size, l2, name=f"conv{stage}", layer=UpConv2D)

    image = keras.Input(input_shape, name="image")

    # First way down: 200 -> 25 pixels.
    a1 = block(image, full, 1)
    a2 = block(pool(a1), half, 2)
    a3 = block(pool(a2), quarter, 3)
    a4 = block(pool(a3), eighth, 4)
    a5 = block(a4, eighth, 5)

    # First way up, to half resolution only.
    a6 = layers.Concatenate(name="skip6")([a3, up_block(a5, quarter, 6)])
    a7 = layers.Concatenate(name="skip7")([a2, up_block(a6, half, 7)])

    # Second way down.
    a8 = block(a7, half, 8)
    a9 = block(pool(a8), quarter, 9)
    a10 = block(pool(a9), eighth, 10)
    a11 = block(a10, eighth, 11)

    # Second way up, to full resolution.
    a12 = layers.Concatenate(name="skip12")([a9, up_block(a11, quarter, 12)])
    a13 = layers.Concatenate(name="skip13")([a8, up_block(a12, half, 13)])
    a14 = layers.Concatenate(name="skip14")([a1, up_block(a13, full, 14)])

    return keras.Model(image, classify(a14, num_classes, l2), name="xnet")


@keras.saving.register_keras_serializable("xnet_tf")
class UpConv2D(layers.Conv2D):
    """Nearest up-sampling by 2 and a convolution of odd kernel size, in one operation.

    A doubled pixel meets neighbouring weights of the kernel with the same value, so these weights
    can be added first: the two layers equal one transposed convolution of stride 2 whose kernel,
    one larger, is this kernel convolved with a 2x2 square of ones. It has the weights of the plain
    convolution, gives the same result, and needs 16 products per input pixel instead of 36.
    """

    def call(self, inputs):
        """Map ``(B, H, W, C)`` to ``(B, 2H, 2W, filters)``."""
        kernel = self.transposed_kernel()
        outputs = keras.ops.conv_transpose(inputs, kernel, strides=2, padding="same")
        return keras.ops.add(outputs, self.bias)

    def transposed_kernel(self):
        """Return the transposed convolution's kernel, ``(k + 1, k + 1, filters, C)``."""
        one = [1, 0], [0, 1]
        kernel = sum(
            keras.ops.pad(self.kernel, [rows, columns, [0, 0], [0, 0]])
            for rows in one
            for columns in one
        )
        # A transposed convolution scatters its kernel, a convolution gathers: mirror and swap.
        return keras.ops.transpose(keras.ops.flip(kernel, (0, 1)), (0, 1, 3, 2))

    def compute_output_shape(self, input_shape):
        """Double height and width."""
        height, width = (size and 2 * size for size in input_shape[1:3])
        return (input_shape[0], height, width, self.filters)


def plain_layers(model: keras.Model) -> keras.Model:
    """Return the same network with `UpConv2D` written as the two standard layers.

    Its ``.keras`` file loads wherever Keras is, without this project.
    """

    def call(layer, *args, **kwargs):
        if not isinstance(layer, UpConv2D):
            return layer(*args, **kwargs)
        return layers.Conv2D.from_config(layer.get_config())(upsample(*args))

    plain = keras.models.clone_model(model, call_function=call)
    plain.set_weights(model.get_weights())
    return plain


def conv_block(x, filters: int, kernel_size: int, l2: float, name: str, layer=layers.Conv2D):
    """Convolution, batch normalisation and ReLU; with `UpConv2D` as layer, at doubled size."""
    x = layer(
        filters,
        kernel_size,
        padding="same",
        kernel_regularizer=keras.regularizers.L2(l2),
        name=name,
    )(x)
    # Several replicas that each measured their own mean would be another, noisier network.
    shared = tf.distribute.has_strategy()
    x = layers.BatchNormalization(synchronized=shared, name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def pool(x):
    """Halve height and width by the maximum of 2x2 pixels."""
    return layers.MaxPooling2D(2)(x)


def upsample(x):
    """Double height and width by repeating each pixel."""
    return layers.UpSampling2D(2, interpolation="nearest")(x)


def classify(x, num_classes: int, l2: float):
    """1x1 convolution and softmax, in float32 whatever the network computes in."""
    logits = layers.Conv2D(
        num_classes,
        1,
        kernel_regularizer=keras.regularizers.L2(l2),
        dtype="float32",
        name="logits",
    )(x)
    return layers.Softmax(dtype="float32", name="probabilities")(logits)


def check_arguments(
    input_shape: Sequence[int | None], filters: Sequence[int], kernel_size: int
) -> None:
    """Raise ValueError if a network cannot be built so. See `build_xnet`."""
    step = 2**POOLINGS
    height, width = input_shape[:2]
    if any(size is not None and size % step for size in (height, width)):
        raise ValueError(
            f"the image is halved {POOLINGS} times: height and width must be divisible by "
            f"{step}, not {height}x{width}; resize, or use xnet_tf.segment, which pads and crops"
        )
    if kernel_size % 2 == 0:
        raise ValueError(f"kernel_size must be odd, not {kernel_size}")
    if len(filters) != POOLINGS + 1:
        raise ValueError(f"filters must have {POOLINGS + 1} entries, not {len(filters)}")


FLOAT32_LAYERS = ("image", "logits", "probabilities")
"""Layers that stay in float32 whatever the network computes in."""


def with_dtype(model: keras.Model, policy: str) -> keras.Model:
    """Return the same network computing in another dtype, without optimiser or loss.

    Batch normalisation is not synchronised in it: the copy serves one device.

    Args:
        model: a network of `xnet_tf.model`.
        policy: name of a Keras dtype policy, for instance ``"mixed_bfloat16"``.
    """

    def clone(layer):
        config = layer.get_config()
        config["dtype"] = "float32" if layer.name in FLOAT32_LAYERS else policy
        if isinstance(layer, layers.BatchNormalization):
            config["synchronized"] = False
        return layer.__class__.from_config(config)

    copy = keras.models.clone_model(model, clone_function=clone)
    copy.set_weights(model.get_weights())
    return copy


def folded(model: keras.Model, dtype: str = "float32") -> keras.Model:
    """Return the network for use alone: batch normalisation multiplied into the convolutions.

    After training a batch normalisation is a factor and an offset for each filter, which the
    kernel and the bias of the convolution before it can take up. `UpConv2D` becomes the transposed
    convolution that it stands for. What remains are Keras' own layers, with the weights as they
    are now: training goes on in the original.

    Args:
        model: a network of `xnet_tf.model`.
        dtype: of weights and arithmetic; ``"bfloat16"`` halves memory and, where the processor
            has it, time. The last convolution and the softmax stay in float32.

    Returns:
        A model from images ``(B, H, W, C)`` to float32 probabilities ``(B, H, W, classes)``.
    """
    norms = _norms(model)
    taken_up = {norm.name for norm in norms.values()}

    def clone(layer):
        config = layer.get_config()
        config["dtype"] = "float32" if layer.name in FLOAT32_LAYERS else dtype
        if isinstance(layer, UpConv2D):
            kernel_size = [size + 1 for size in layer.kernel_size]
            form = {"padding": "same", "dtype": config["dtype"], "name": layer.name}
            return layers.Conv2DTranspose(layer.filters, kernel_size, strides=2, **form)
        if isinstance(layer, layers.Conv2D):
            config["use_bias"] = True
        return layer.__class__.from_config(config)

    def call(layer, *args, **kwargs):
        if layer.name in taken_up:
            return args[0]
        outputs = layer(*args, **kwargs)
        original = model.get_layer(layer.name)
        if isinstance(original, layers.Conv2D):
            layer.set_weights(_folded_weights(original, norms.get(layer.name)))
        elif layer.weights:
            layer.set_weights(original.get_weights())
        return outputs

    copy = keras.models.clone_model(model, clone_function=clone, call_function=call)
    copy.trainable = False
    return copy


def _norms(model: keras.Model) -> dict:
    # The batch normalisations that directly follow a convolution, by its name.
    norms = [layer for layer in model.layers if isinstance(layer, layers.BatchNormalization)]
    before = [norm.input._keras_history.operation for norm in norms]
    pairs = zip(before, norms, strict=True)
    return {layer.name: norm for layer, norm in pairs if isinstance(layer, layers.Conv2D)}


def _folded_weights(layer, norm) -> list[np.ndarray]:
    # Kernel and bias that give what the convolution and its batch normalisation gave together.
    upwards = isinstance(layer, UpConv2D)
    kernel = layer.transposed_kernel() if upwards else layer.kernel
    kernel = keras.ops.convert_to_numpy(kernel)
    bias = layer.bias.numpy() if layer.use_bias else np.zeros(layer.filters, np.float32)
    if norm is None:
        return [kernel, bias]
    gamma, beta, mean, variance = (np.asarray(w, np.float64) for w in norm.get_weights())
    scale = gamma / np.sqrt(variance + norm.epsilon)
    # A transposed convolution's kernel has the filters third, a convolution's has them last.
    factors = scale[:, None] if upwards else scale
    return [kernel * factors, (bias - mean) * scale + beta]


class Predictor:
    """A network as a compiled function of arrays, as `xnet_tf.inference` takes them.

    Args:
        model: the network. Its weights are taken as they are at each call; of the fastest form as
            they are now.
        fastest: in the form that this device is fastest with: folded, in bfloat16 where that gains.
    """

    def __init__(self, model: keras.Model, fastest: bool = False):
        if fastest:
            model = folded(model, faster_precision()[0])
        signature = tf.TensorSpec((None, None, None, model.input_shape[-1]), tf.float32)
        self._apply = tf.function(lambda x: model(x, training=False), input_signature=[signature])

    def prepare(self, images: np.ndarray) -> np.ndarray:
        """Normalise by TensorFlow, as in training: NumPy rounds means otherwise in the last bit."""
        return preprocessing.prepare(tf.constant(images)).numpy()

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Map normalised images ``(B, H, W, 1)`` to float32 probabilities ``(B, H, W, C)``."""
        return self._apply(tf.constant(images)).numpy()


predictor = functools.lru_cache(maxsize=8)(Predictor)
"""`Predictor`, made once for each network."""


NETWORKS: dict[str, Callable[..., keras.Model]] = {"xnet": build_xnet}
"""Builders by the name that profiles and weights' records know a network by.

`xnet_study.baselines.networks` adds those that XNet is compared with.
"""


def find_network(name: str) -> Callable[..., keras.Model]:
    """Return the builder of a network.

    Raises:
        InputError: if no network of this name is known.
    """
    if name not in NETWORKS:
        raise InputError(
            f"no network is called {name!r} among {', '.join(NETWORKS)}; those of the comparison "
            "are known once xnet_study.baselines.networks is imported"
        )
    return NETWORKS[name]
