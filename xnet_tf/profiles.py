"""Every hyper-parameter, in eight profiles, from smoke to paper."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from xnet_tf import runs
from xnet_tf.files import InputError


@dataclass(frozen=True)
class Profile:
    """What a training run is made of.

    Attributes:
        name: profile's name; also the folder of its run.
        image_size: height and width of the network's input, in pixels.
        filters: convolution filters at the four resolutions.
        kernel_size: side of the convolution kernels.
        l2: weight of the squared kernels in the loss.
        augmentation: name of an augmentation preset.
        images_per_part: augmented images drawn per body part and epoch.
        emphasis: body parts that are shown more often than the others, and how many times as often.
        batch_size: images per step.
        epochs: largest number of epochs.
        coarse_size: image size of the first epochs, where a step costs a fraction; 0 for none.
        coarse_epochs: how many epochs use it.
        patience: epochs without a better validation loss before training stops.
        optimizer: ``"rmsprop"`` as published, ``"adam"`` or ``"muon"``.
        learning_rate: at the start.
        schedule: ``"inverse"`` as published (divided by 1 + 1e-6 x step), or ``"cosine"`` to zero.
        seed: of initial weights, order and augmentation.
        loss: a name of `xnet_tf.losses`.
        precision: ``"float32"``, ``"bfloat16"`` (products in bfloat16, weights and sums in
            float32), or ``"auto"``: whichever this device is faster with.
        network: a name of `xnet_tf.model.NETWORKS`.
    """

    name: str
    image_size: int = 200
    filters: tuple[int, ...] = (64, 128, 256, 512)
    kernel_size: int = 3
    l2: float = 1e-4
    augmentation: str = "paper"
    images_per_part: int = 500
    emphasis: tuple[tuple[str, int], ...] = ()
    batch_size: int = 5
    epochs: int = 100
    coarse_size: int = 0
    coarse_epochs: int = 0
    patience: int = 20
    optimizer: str = "rmsprop"
    learning_rate: float = 1e-4
    schedule: str = "inverse"
    seed: int = 1
    loss: str = "cross_entropy"
    precision: str = "float32"
    network: str = "xnet"

    @property
    def phases(self) -> list[tuple[int, int, int]]:
        """Image size, first epoch and end (exclusive) of each stretch of training."""
        coarse = (self.coarse_size, 0, self.coarse_epochs)
        full = (self.image_size, self.coarse_epochs, self.epochs)
        return [coarse, full] if self.coarse_epochs else [full]

    @property
    def architecture(self) -> dict:
        """Arguments of the network's builder beside the input shape."""
        return {"filters": list(self.filters), "kernel_size": self.kernel_size, "l2": self.l2}

    def as_dict(self) -> dict:
        """Return the fields as plain JSON types."""
        return json.loads(json.dumps(asdict(self)))


# Chosen by the trials of results/recipe.csv; why is told in xnet_study/recipe/NOTES.md.
_QUICK = {
    "filters": (16, 32, 64, 128),
    "l2": 1e-6,
    "augmentation": "mild",
    "optimizer": "muon",
    "learning_rate": 2e-3,
    "schedule": "cosine",
}

# More on the trunk, where bone is hard to see, and most on chests, which are hardest.
_WIDE = _QUICK | {
    "filters": (24, 48, 96, 192),
    "augmentation": "uneven",
    "optimizer": "adam",
    "precision": "auto",
    "images_per_part": 24,
    "emphasis": (
        *(("thorax", 12), ("shoulder", 2), ("clavicle", 2), ("head", 2)),
        *(("neck", 2), ("lumbar spine", 2), ("pelvis", 2)),
    ),
}

PROFILES = {
    # For tests. Most of its time goes into tracing, once for each size of pictures and of batches:
    # one size, and an epoch that equal batches make up, in half as many pictures too.
    "smoke": Profile(
        "smoke",
        **_QUICK | {"filters": (4, 8, 16, 32)},
        image_size=32,
        images_per_part=10,
        epochs=2,
    ),
    # Two minutes on two cores, for a class that waits for it: the score is still rising steeply.
    "lesson": Profile(
        "lesson",
        **_QUICK | {"optimizer": "adam"},
        images_per_part=12,
        epochs=12,
        coarse_size=104,
        coarse_epochs=9,
    ),
    "quick": Profile(
        "quick",
        **_QUICK,
        images_per_part=12,
        epochs=100,
        coarse_size=104,
        coarse_epochs=78,
        patience=100,
    ),
    # For data of one's own, with `train --init`: a minute or two, small steps.
    "tune": Profile(
        "tune",
        **_QUICK | {"augmentation": "robust", "optimizer": "adam", "learning_rate": 5e-4},
        images_per_part=4,
        epochs=5,
    ),
    # For weights that people use, trained on `make population`'s training half: first mostly at
    # half size,
    "base": Profile("base", **_WIDE, epochs=125, coarse_size=104, coarse_epochs=85, patience=125),
    # then, with `train --init`, at full size,
    "fine": Profile("fine", **_WIDE, epochs=60, patience=60),
    # and last with smaller steps.
    "wide": Profile("wide", **_WIDE | {"learning_rate": 1e-3}, epochs=20, patience=20),
    "paper": Profile("paper"),
}


def get(name: str | None = None) -> Profile:
    """Return a profile by name, or the one that the variable ``XNET_PROFILE`` names.

    Raises:
        InputError: if there is no such profile.
    """
    name = name or runs.profile_name()
    if name not in PROFILES:
        raise InputError(f"no profile is called {name!r}; choose one of {', '.join(PROFILES)}")
    return PROFILES[name]
