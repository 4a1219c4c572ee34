"""Where a run's files lie, what the release holds, and what both were made from.

A run writes below ``runs/<profile>/``, which git ignores. The repository's own ``weights/``,
``results/`` and ``figures/`` are the released run's.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path

from xnet_tf.files import InputError
from xnet_tf.profiles import Profile

REPOSITORY = Path(__file__).resolve().parents[1]
"""The checkout, which holds the default data set and the release."""

RELEASED_WEIGHTS = REPOSITORY / "weights" / "xnet.npz"
"""The reproduction's: the quick profile on the 105 training images of ``data/``."""

WIDE = "wide"
"""The profile whose weights are for users."""

USER_WEIGHTS = REPOSITORY / "weights" / "xnet-wide.npz"
"""For radiographs of one's own: the wide profile on some hundred more simulated subjects."""

_LIBRARIES = (
    "tensorflow",
    "keras",
    "numpy",
    "scipy",
    "pandas",
    "opencv-python-headless",
    "scikit-image",
    "scikit-learn",
    "matplotlib",
)


def folder(profile: Profile) -> Path:
    """Return the folder of a profile's run: below ``XNET_RUNS``, else ``runs/``."""
    return Path(os.environ.get("XNET_RUNS") or REPOSITORY / "runs") / profile.name


def find(profile: Profile, name: str) -> tuple[Path, str]:
    """Find a file of the current run, else of the release.

    Args:
        profile: whose run is looked at first.
        name: path inside the run's folder and inside the repository, for instance
            ``"results/scores.csv"``.

    Returns:
        The path and where it comes from: ``"this run"`` or ``"the release"``.

    Raises:
        InputError: if neither has it.
    """
    places = [(folder(profile) / name, "this run")]
    places += [(path, "the release") for path in _released(profile, name)]
    for path, origin in places:
        if path.exists():
            return path, origin
    raise InputError(
        f"{name}: neither in {folder(profile)} nor in the release; "
        f"make it by notebook 04 and 06, or by `python -m xnet_tf train` and `evaluate`"
    )


def weights(profile: Profile) -> tuple[Path, str]:
    """Find XNet's weights: the current run's, else the released ones. See `find`."""
    return find(profile, "weights/xnet.npz")


def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that results depend on."""
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def _released(profile: Profile, name: str) -> list[Path]:
    """Return where the release may have a run's file: the wide profile's lie beside the others."""
    usual = REPOSITORY / name
    if profile.name != WIDE:
        return [usual]
    if name.startswith("weights/"):
        return [usual.with_name(usual.name.replace("xnet", USER_WEIGHTS.stem, 1))]
    return [usual.parent / WIDE / usual.name, usual]
