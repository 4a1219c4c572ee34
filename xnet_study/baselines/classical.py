"""The methods without learning that XNet is compared with, and the settings they are tuned over.

`METHODS` lists them. Each takes a radiograph and gives class ids;
`xnet_study.baselines.tuning` chooses among a method's settings. The first setting of each
is the plainest.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from xnet_study.baselines.clustering import fuzzy_c_means, k_means
from xnet_study.baselines.regions import graph_cut, random_walker, watershed
from xnet_study.baselines.thresholding import (
    cross_entropy,
    line_fluctuations,
    local_entropy,
    multi_otsu,
    otsu,
)
from xnet_tf import classes


@dataclass(frozen=True)
class ClassicalMethod:
    """A classical method and what may be tuned of it.

    Attributes:
        name: as printed.
        slug: for file names.
        family: ``"thresholding"``, ``"clustering"``, ``"entropy"``, ``"line fluctuation"`` or
            ``"region"``.
        function: maps an image and a setting to class ids.
        settings: keyword arguments of `function`, at most 25, the plainest first.
    """

    name: str
    slug: str
    family: str
    function: Callable[..., np.ndarray]
    settings: tuple[dict, ...]

    def segment(self, image: np.ndarray, **setting) -> np.ndarray:
        """Segment a radiograph.

        Args:
            image: float ``(H, W)`` or ``(H, W, 1)`` in [0, 1], open beam bright.
            **setting: one of `settings`; what is not said is the function's default.

        Returns:
            uint8 ``(H, W)``, class ids.
        """
        return self.function(image, **setting)


def constant(labels: np.ndarray) -> int:
    """Return the class of most pixels of the training label maps: the constant predictor."""
    return int(np.bincount(labels[labels != classes.IGNORE]).argmax())


def _grid(**choices: tuple) -> tuple[dict, ...]:
    """All combinations of choices, each a dictionary of keyword arguments."""
    choices["field"] = (0.0, 0.02, 0.05)
    return tuple(
        dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values())
    )


_SCALES = ("linear", "log")
_ROOTS = ("linear", "root")
_FACTORS = (1.0, 0.7, 1.3)

_SETTINGS = {
    "otsu": _grid(scale=_SCALES, factor=_FACTORS),
    "multi-otsu": _grid(scale=("linear", "root", "log"), smooth=(0.0, 1.5)),
    "k-means": _grid(scale=_ROOTS, groups=((3, 1), (4, 1), (5, 2))),
    "k-means-texture": _grid(texture=(2, 5), scale=_ROOTS, groups=((3, 1), (4, 1))),
    "fuzzy-c-means": _grid(scale=_ROOTS, groups=((3, 1), (5, 2)), fuzziness=(2.0, 1.5)),
    "fuzzy-c-means-texture": _grid(texture=(2, 5), scale=_ROOTS, fuzziness=(2.0, 3.0)),
    "cross-entropy": _grid(scale=_SCALES, factor=_FACTORS),
    "local-entropy": _grid(radius=(4, 2, 8), factor=(1.0, 0.8)),
    "line-fluctuations": _grid(lines=("rows", "both"), width=(60, 25), depth=(0.04, 0.02)),
    "watershed": _grid(core=(0.7, 0.4), scale=_SCALES, factor=(1.0, 0.7)),
    "random-walker": _grid(core=(0.7, 0.4), scale=_SCALES, beta=(1000.0, 100.0)),
    "graph-cut": _grid(core=(0.7, 0.3), factor=(1.0, 0.7)),
}
"""What may be tuned of each method, by its slug."""

_METHODS = (
    ("Otsu, twice", "otsu", "thresholding", otsu),
    ("multi-Otsu", "multi-otsu", "thresholding", multi_otsu),
    ("k-means, grey", "k-means", "clustering", k_means),
    ("k-means, grey and texture", "k-means-texture", "clustering", k_means),
    ("fuzzy c-means, grey", "fuzzy-c-means", "clustering", fuzzy_c_means),
    ("fuzzy c-means, grey and texture", "fuzzy-c-means-texture", "clustering", fuzzy_c_means),
    ("cross-entropy, twice", "cross-entropy", "entropy", cross_entropy),
    ("local entropy", "local-entropy", "entropy", local_entropy),
    ("line fluctuations", "line-fluctuations", "line fluctuation", line_fluctuations),
    ("watershed", "watershed", "region", watershed),
    ("random walker", "random-walker", "region", random_walker),
    ("graph cut", "graph-cut", "region", graph_cut),
)

METHODS = {method[1]: ClassicalMethod(*method, _SETTINGS[method[1]]) for method in _METHODS}
"""The classical methods by their slugs."""
