"""Where things lie: data, runs, released weights and results; and what results were made from.

A run writes below ``runs/<profile>/``, which git ignores. A checkout's own ``results/`` and
``figures/`` are the released run's; the released weights are part of the package. Environment
variables of ours are read here and nowhere else: ``XNET_DATA`` (data set), ``XNET_RUNS`` (folder of
runs), ``XNET_PROFILE`` (profile).
"""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Protocol

from xnet_tf.files import InputError

_PACKAGE = Path(__file__).resolve().parent

REPOSITORY = _PACKAGE.parent if (_PACKAGE.parent / "pyproject.toml").is_file() else Path.cwd()
"""The checkout, which holds the default data set and the released results.

Installed without one, it is the working folder.
"""

RELEASED_WEIGHTS = _PACKAGE / "released" / "xnet.npz"
"""The quick network: the quick profile on the 105 training images of ``data/``."""

WIDE = "wide"
"""The profile whose weights are for users."""

USER_WEIGHTS = _PACKAGE / "released" / "xnet-wide.npz"
"""For radiographs of one's own: the wide profile on some hundred more simulated subjects."""

NAMED_WEIGHTS = {"users": USER_WEIGHTS, "quick": RELEASED_WEIGHTS}
"""Released weights by the names that the command line takes."""

_LIBRARIES = (
    *("tensorflow", "keras", "numpy", "scipy", "pandas", "matplotlib"),
    *("opencv-python-headless", "scikit-image", "scikit-learn"),
)


class Profile(Protocol):
    """What has a name: an `xnet_tf.profiles.Profile`."""

    name: str


def data_folder() -> Path:
    """Return the data set's folder: what ``XNET_DATA`` names, else the checkout's ``data/``."""
    return Path(os.environ.get("XNET_DATA") or REPOSITORY / "data")


def profile_name() -> str:
    """Return the profile's name: what ``XNET_PROFILE`` says, else ``"quick"``."""
    return os.environ.get("XNET_PROFILE") or "quick"


def root() -> Path:
    """Return the folder of all runs: what ``XNET_RUNS`` names, else ``runs/``."""
    return Path(os.environ.get("XNET_RUNS") or REPOSITORY / "runs")


def population() -> Path:
    """Return where `make population` puts further simulated subjects."""
    return REPOSITORY / "runs" / "population"


def folder(profile: Profile) -> Path:
    """Return the folder of a profile's run."""
    return root() / profile.name


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
        "make it by `xnet train` and `xnet evaluate`"
    )


def weights(profile: Profile) -> tuple[Path, str]:
    """Find XNet's weights: the current run's, else the released ones. See `find`."""
    return find(profile, "weights/xnet.npz")


def weights_path(text: str) -> Path:
    """Return the file that a user means: ``"users"``, ``"quick"`` or a path."""
    return NAMED_WEIGHTS.get(text, Path(text))


def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that results depend on."""
    import importlib.metadata  # slow to import, and nothing else needs it

    installed = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            installed[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            installed[name] = "not installed"
    return installed


def _released(profile: Profile, name: str) -> list[Path]:
    """Return where the release may have a run's file: the wide profile's lie beside the others."""
    if name.startswith("weights/"):
        stem = USER_WEIGHTS.stem if profile.name == WIDE else RELEASED_WEIGHTS.stem
        return [RELEASED_WEIGHTS.with_name(Path(name).name.replace("xnet", stem, 1))]
    usual = REPOSITORY / name
    return [usual.parent / WIDE / usual.name, usual] if profile.name == WIDE else [usual]
