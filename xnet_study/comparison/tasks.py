"""What the comparison consists of: a table of rows, and the tasks that they stand for.

Each network's learning rate is chosen first: three short trainings, of which the best on the
`choice` population is taken (`xnet_study.comparison.ledger.Ledger.chosen_rate`). A unit of budget
is one training of the profile; a third has a third of its epochs.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from xnet_study.baselines import classical
from xnet_tf.files import InputError
from xnet_tf.profiles import Profile

RATES = ("1/3", "1", "3")
"""Learning rates that are tried, relative to the profile's."""

VARIANTS = ("overall", "by part", "oracle")
"""How a classical method's setting is chosen: once, for each body part, or, as a bound, for each
image by its truth."""

BEST = "best"
"""In place of a classical method's slug: the best of those tuned overall, on `choice`."""

CHOOSING, JUDGING = ("validation", "choice"), ("validation", "test", "evaluation")
"""Images that trials are scored on, and those of what is final: nothing is chosen by the latter."""


@dataclass(frozen=True)
class Task:
    """One method in one variant, to be made and scored.

    Attributes:
        slug: name of its folder in the ledger.
        method: as printed.
        family: ``"constant"``, ``"network"`` or a classical method's.
        key: the network's or the classical method's slug.
        variant: how a classical method was tuned.
        stage: ``"A"``, or ``"B"`` for what is wanted as time allows.
        seed: of a network's weights and order, and of the draw of its images.
        budget: epochs relative to the profile's, such as ``"1/3"``.
        rate: learning rate relative to the profile's, of a trial; empty: the chosen one.
        images: how many of the training images; 0 for all.
        added: how many of the population's `learning` images beside them.
        left_out: name of a group of body parts that are not trained on.
        changes: fields of the profile.
    """

    slug: str
    method: str
    family: str
    key: str = ""
    variant: str = ""
    stage: str = "A"
    seed: int = 1
    budget: str = "1"
    rate: str = ""
    images: int = 0
    added: int = 0
    left_out: str = ""
    changes: dict = field(default_factory=dict)

    @property
    def is_network(self) -> bool:
        """Whether it is trained."""
        return self.family == "network"

    @property
    def is_plain(self) -> bool:
        """Whether it has the data set's own training images and the profile's settings."""
        return not (self.images or self.added or self.left_out or self.changes or self.rate)

    @property
    def subsets(self) -> tuple[str, ...]:
        """The images that it is scored on."""
        if self.rate:
            return CHOOSING
        if self.variant == "oracle":  # it would segment each image with each setting
            return ("validation", "test")
        if self.variant == "overall" and self.is_plain:
            return (*JUDGING, "choice")
        return JUDGING

    @property
    def title(self) -> str:
        """What to print."""
        changed = [f"{name} {value}" for name, value in self.changes.items()]
        words = [
            *([self.method, self.variant] if self.variant else [self.method]),
            *([f"budget {self.budget}", f"seed {self.seed}"] if self.is_network else []),
            *([f"learning rate x {self.rate}"] if self.rate else []),
            *([f"{self.images} images"] if self.images else []),
            *([f"{self.added} more images"] if self.added else []),
            *([f"without {self.left_out}"] if self.left_out else []),
        ]
        return ", ".join([*words, *changed])


@dataclass(frozen=True)
class Row:
    """Trainings that are wanted: all combinations of what is said."""

    keys: tuple[str, ...]
    budget: str = "1"
    seeds: Iterable[int] = (1,)
    rates: tuple[str, ...] = ("",)
    images: tuple[int, ...] = (0,)
    added: tuple[int, ...] = (0,)
    changes: tuple[dict, ...] = ({},)
    groups: bool = False
    stage: str = "A"


_PAIR, _SECOND, _THIRD = ("xnet", "unet"), ("segnet", "deeplab"), ("simple-segnet", "unet-as-wired")

ROWS = (
    Row((*_PAIR, *_SECOND, *_THIRD), "1/3", rates=RATES),
    Row(_PAIR, seeds=range(1, 6)),
    Row(_SECOND, seeds=range(1, 4)),
    Row(("simple-segnet",), seeds=(1, 2)),
    Row(("unet-as-wired",)),
    Row(_PAIR, seeds=(1, 2), images=(15, 30, 60)),
    Row(_PAIR, added=(200, 500)),
    Row(_PAIR, "3", seeds=(1, 2)),
    Row(_SECOND, "3"),
    Row(_PAIR, "1/3"),
    Row(_PAIR, "1/3", groups=True),
    Row(
        ("xnet",),
        "1/3",
        seeds=(1, 2),
        changes=(
            {},
            {"loss": "jaccard"},
            {"loss": "lovasz"},
            *({"l2": x} for x in (0.0, 1e-6, 1e-4)),
        ),
    ),
    Row(_PAIR, "9"),
    Row(_SECOND, seeds=(1, 2), images=(15, 30, 60), stage="B"),
    Row(_SECOND, added=(200, 500), stage="B"),
    Row(_PAIR, seeds=(3,), images=(15, 30, 60), stage="B"),
    Row((*_PAIR, *_SECOND), "3", seeds=(2, 3), stage="B"),
    Row(_PAIR, changes=({"filters": (32, 64, 128, 256)},), stage="B"),
)
"""Every training, the most wanted first; what a later row repeats is one task all the same."""

FEW = tuple(itertools.product((15, 30, 60), (1, 2)))
"""Sizes and draws that the best classical method is tuned on too."""


def plan(profile: Profile, groups: Iterable[str]) -> list[Task]:
    """List all tasks, the most wanted first.

    Args:
        profile: a change to what it has anyway is no change.
        groups: names of the groups of body parts that can be left out.
    """
    from xnet_study.baselines import networks  # needs TensorFlow, which the ledger's readers do not

    names = {slug: network.name for slug, network in networks.NETWORKS.items()}
    tasks = [Task("constant", "constant predictor", "constant")]
    tasks += [
        Task(f"{m.slug}-{variant.replace(' ', '-')}", m.name, m.family, m.slug, variant)
        for variant in VARIANTS
        for m in classical.METHODS.values()
    ]
    tasks += [
        Task(
            f"best-images{n}-draw{k}",
            "best classical",
            "classical",
            BEST,
            "overall",
            seed=k,
            images=n,
        )
        for n, k in FEW
    ]
    for row in ROWS:
        tasks += _trainings(row, profile, names, tuple(groups))
    unique: dict[str, Task] = {}
    for task in tasks:
        unique.setdefault(task.slug, task)
    return list(unique.values())


def _trainings(
    row: Row, profile: Profile, names: dict[str, str], groups: tuple[str, ...]
) -> Iterator[Task]:
    left_out = groups if row.groups else ("",)
    columns = (row.seeds, row.keys, row.rates, row.images, row.added, left_out, row.changes)
    for seed, key, rate, images, added, group, changes in itertools.product(*columns):
        changes = {k: v for k, v in changes.items() if getattr(profile, k) != v}
        words = [
            key,
            {"1": "", "1/3": "third"}.get(row.budget, f"{row.budget}x"),
            f"images{images}" if images else "",
            f"plus{added}" if added else "",
            f"without-{group.replace(' ', '-')}" if group else "",
            *(f"{name}-{_short(value)}" for name, value in changes.items()),
            f"seed{seed}",
            f"rate{rate.replace('/', '-')}" if rate else "",
        ]
        slug = "-".join(filter(None, words))
        about = {"rate": rate, "images": images, "added": added, "left_out": group}
        about |= {"stage": row.stage, "seed": seed, "budget": row.budget, "changes": changes}
        yield Task(slug, names[key], "network", key, **about)


def _short(value: object) -> str:
    return str(value[0] if isinstance(value, tuple) else value).replace(".", "-")


def select(tasks: list[Task], only: tuple[str, ...]) -> list[Task]:
    """Return the tasks whose slugs match one of the patterns; all of stage A without any.

    Raises:
        InputError: if a pattern matches none.
    """
    for pattern in only:
        if not any(fnmatch.fnmatchcase(task.slug, pattern) for task in tasks):
            raise InputError(f"no task is called {pattern!r}; `compare --list` lists them")
    if not only:
        return [task for task in tasks if task.stage == "A"]
    return [t for t in tasks if any(fnmatch.fnmatchcase(t.slug, pattern) for pattern in only)]


def shortened(profile: Profile, budget: str) -> Profile:
    """Return a profile with its epochs times a factor, none of them left out for patience."""
    factor = Fraction(budget)
    epochs = max(1, math.floor(profile.epochs * factor))
    coarse = min(math.ceil(profile.coarse_epochs * factor), epochs - 1)
    return dataclasses.replace(profile, epochs=epochs, coarse_epochs=coarse, patience=epochs)


def settings(profile: Profile, task: Task, rate: str, share: float = 1.0) -> Profile:
    """Return the settings of a network's training, always in float32.

    Args:
        profile: as the user chose it.
        task: to be trained.
        rate: the learning rate relative to the profile's.
        share: of the data set's body parts that are trained on. Where some are lacking, more images
            of the others are shown, so that all trainings see about equally many.
    """
    # Named for its rate, so that a trial and what its rate is chosen for are one training.
    name = task.slug.removesuffix(f"-rate{task.rate.replace('/', '-')}") if task.rate else task.slug
    return dataclasses.replace(
        shortened(profile, task.budget),
        name=f"{profile.name}/comparison/{name}-rate{rate.replace('/', '-')}",
        network=task.key,
        seed=task.seed,
        learning_rate=profile.learning_rate * float(Fraction(rate)),
        images_per_part=round(profile.images_per_part / share),
        precision="float32",
        **task.changes,
    )
