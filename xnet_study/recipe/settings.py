"""What a trial of the search may choose, and what a whole training with it would cost."""

from __future__ import annotations

import dataclasses

import numpy as np

from xnet_tf import presets

EPOCH_IMAGES = 228
"""Images of one epoch of quick: twelve of each of nineteen body parts."""

CORE_SECONDS = {64: 0.017, 80: 0.0235, 104: 0.035, 128: 0.0502, 152: 0.0681, 200: 0.1125}
"""Processor time per training image at each size on an idle machine, by `search.costs`."""


@dataclasses.dataclass(frozen=True)
class Stage:
    """A stretch of training.

    Attributes:
        size: height and width of what the network sees, in pixels.
        epochs: of `EPOCH_IMAGES` images, in a whole training.
        read: size at which pictures are read and augmented before a square of `size` is cut out at
            a random place; 0 for `size` itself.
        augmentation: of this stage, if not that of the settings.
    """

    size: int
    epochs: float
    read: int = 0
    augmentation: tuple | None = None

    def described(self) -> dict:
        """Return what is not left at its default, as plain JSON types."""
        kept = {"size": self.size, "epochs": self.epochs}
        if self.read:
            kept["read"] = self.read
        if self.augmentation is not None:
            kept["augmentation"] = presets.describe(self.augmentation)
        return kept


@dataclasses.dataclass(frozen=True)
class Settings:
    """Everything a trial may choose.

    The defaults are those of the quick profile before Muon, which the record calls quick.

    Attributes:
        stages: one after another.
        mixed: whether the steps of all stages are shuffled instead.
        augmentation: transforms, in their order; see `xnet_tf.transforms.apply`.
        optimizer: "adam", "sgd" (Nesterov, momentum 0.99) or "muon".
        learning_rate: at its highest.
        schedule: "cosine", "poly" (power 0.9) or "trapezoid" (falls in the last 40 %).
        warm_up: share of the steps in which the learning rate rises linearly.
        weight_decay: decoupled, of the kernels; with "adam" that is AdamW.
        ema: momentum of an average of weights, which is what is scored; 0 for none.
        batch_size: images per step.
        loss: a name of `xnet_tf.losses`, or "dice", which adds the soft Dice loss of the batch to
            cross-entropy.
        l2: factor of the squared kernels.
        balance: "part" (each body part equally often), "subject" (that, and within it each
            subject equally often), or "image" (each image equally often).
        bn_momentum: of batch normalisation's running moments.
    """

    stages: tuple[Stage, ...] = (Stage(104, 75), Stage(200, 25))
    mixed: bool = False
    augmentation: tuple = tuple(presets.PRESETS["robust"])
    optimizer: str = "adam"
    learning_rate: float = 2e-3
    schedule: str = "cosine"
    warm_up: float = 0.0
    weight_decay: float = 0.0
    ema: float = 0.0
    batch_size: int = 5
    loss: str = "cross_entropy"
    l2: float = 1e-4
    balance: str = "part"
    bn_momentum: float = 0.99

    def described(self) -> dict:
        """Return what differs from the quick profile before Muon, as plain JSON types."""
        changed = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if getattr(self, field.name) != field.default
        }
        if "stages" in changed:
            changed["stages"] = [stage.described() for stage in self.stages]
        if "augmentation" in changed:
            changed["augmentation"] = presets.describe(self.augmentation)
        return changed


@dataclasses.dataclass(frozen=True)
class Trial:
    """One training.

    Attributes:
        name: says what it is about; with share and seed, its key in the record.
        settings: all of them.
        share: of the whole training's epochs.
        seed: of weights, order and augmentation.
    """

    name: str
    settings: Settings
    share: float
    seed: int = 1

    @property
    def key(self) -> tuple[str, str, int]:
        """What tells it from the others."""
        return self.name, f"{self.share:.3f}", self.seed


def step_views(trial: Trial) -> list[Stage]:
    """Return for each step of the training its stage."""
    settings = trial.settings
    views = []
    for stage in settings.stages:
        images = stage.epochs * trial.share * EPOCH_IMAGES
        views += [stage] * round(images / settings.batch_size)
    if settings.mixed:
        order = np.random.Generator(np.random.Philox(trial.seed)).permutation(len(views))
        views = [views[k] for k in order]
    return views


def nominal_cost(settings: Settings) -> float:
    """Return a whole training's core-seconds by `CORE_SECONDS`, relative to the former quick."""
    here, quick = (
        sum(stage.epochs * CORE_SECONDS[stage.size] for stage in each.stages)
        for each in (settings, Settings())
    )
    return here / quick
