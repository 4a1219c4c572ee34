"""What the comparison consists of: a list of tasks, in the order in which they are wanted.

The constant predictor, the classical methods, every network with one seed, the other seeds, then
XNet with groups of body parts left out, and three networks on folds of subjects, as far as the data
set is large enough to be divided so.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import math
from dataclasses import dataclass

from xnet_study.baselines import classical, networks
from xnet_study.comparison import partitions
from xnet_tf.dataset import Dataset
from xnet_tf.files import InputError
from xnet_tf.profiles import Profile

SEEDS = (1, 2, 3)
SHARE = 3
"""A network of the comparison is trained for the profile's epochs divided by this."""

FOLDED = ("xnet", "unet", "segnet")
"""Networks that are also trained on folds."""

VARIANTS = ("overall", "by part", "oracle")
"""How a classical method's setting is chosen: once, for each body part, or, as a bound, for each
image by its truth."""


@dataclass(frozen=True)
class Task:
    """One method in one variant, to be made and scored.

    Attributes:
        slug: name of its folder.
        method: as printed.
        family: ``"constant"``, ``"network"`` or a classical method's.
        key: the network's or the classical method's slug.
        variant: how it was tuned, or ``"seed 1"``.
        seed: of a network.
        fold: what is held out instead of the test set: ``kind``, ``name``, and the fold's
            ``number`` or the left-out ``parts``.
    """

    slug: str
    method: str
    family: str
    key: str = ""
    variant: str = ""
    seed: int | None = None
    fold: dict | None = None

    @property
    def title(self) -> str:
        """What to print."""
        held_out = f"{self.fold['name']} held out" if self.fold else ""
        return ", ".join(part for part in (self.method, self.variant, held_out) if part)


def plan(dataset: Dataset) -> list[Task]:
    """List all tasks, the most wanted first."""
    tasks = [Task("constant", "constant predictor", "constant")]
    tasks += [
        Task(f"{m.slug}-{variant.replace(' ', '-')}", m.name, m.family, m.slug, variant)
        for variant in VARIANTS  # a method's tuning is shared, so its variants lie far apart
        for m in classical.METHODS.values()
    ]
    tasks += [_network(slug, seed) for seed in SEEDS for slug in networks.NETWORKS]
    for name, parts in partitions.region_groups(dataset.manifest).items():
        held_out = {"kind": "region group", "name": name, "parts": list(parts)}
        tasks.append(_network("xnet", 1, f"without-{name.replace(' ', '-')}", held_out))
    for slug in FOLDED if partitions.has_folds(dataset.manifest) else ():
        for number in range(1, partitions.FOLDS + 1):
            name = f"fold {number} of {partitions.FOLDS}"
            held_out = {"kind": "subjects", "name": name, "number": number}
            tasks.append(_network(slug, 1, f"fold{number}", held_out))
    return tasks


def select(tasks: list[Task], only: tuple[str, ...]) -> list[Task]:
    """Return the tasks whose slugs match one of the patterns; all without any.

    Raises:
        InputError: if a pattern matches none.
    """
    for pattern in only:
        if not any(fnmatch.fnmatchcase(task.slug, pattern) for task in tasks):
            raise InputError(f"no task is called {pattern!r}; `compare --list` lists them")
    return [t for t in tasks if not only or any(fnmatch.fnmatchcase(t.slug, p) for p in only)]


def budget(profile: Profile, task: Task, parts: int, all_parts: int) -> Profile:
    """Return the settings of a network's training: a third of the profile's epochs.

    All are trained in bfloat16 where the device gains from it, and in float32 elsewhere.

    Args:
        profile: as the user chose it.
        task: says which network and seed.
        parts: body parts among the training images.
        all_parts: body parts of the data set. Where some are left out, more images of the others
            are shown, so that all trainings see about equally many.
    """
    epochs = max(1, profile.epochs // SHARE)
    return dataclasses.replace(
        profile,
        name=f"{profile.name}/comparison/{task.slug}",
        network=task.key,
        seed=task.seed,
        epochs=epochs,
        coarse_epochs=min(math.ceil(profile.coarse_epochs / SHARE), epochs - 1),
        patience=epochs,
        images_per_part=round(profile.images_per_part * all_parts / parts),
        precision="auto",
    )


def _network(slug: str, seed: int, suffix: str = "", fold: dict | None = None) -> Task:
    name = networks.NETWORKS[slug].name
    folder = f"{slug}-{suffix or f'seed{seed}'}"
    return Task(folder, name, "network", slug, f"seed {seed}", seed, fold)
