"""What a data set's own classes allow, and what is for the paper's alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from xnet_tf.classes import NAMES, SOFT_TISSUE, Classes
from xnet_tf.files import InputError
from xnet_tf.weights import read_classes

if TYPE_CHECKING:
    from xnet_tf.dataset import Dataset


def check_weights(path: Path, data: Dataset) -> None:
    """Raise InputError if a network and a data set have not the same classes."""
    learned, named = read_classes(path).names, data.classes.names
    if learned != named:
        raise InputError(
            f"{path}: knows {', '.join(learned)}; but {data.folder} has {', '.join(named)}; train "
            f"on it first: xnet train --data {data.folder}"
        )


def are_the_papers(names: Sequence[str]) -> bool:
    """Tell whether classes of these names are the paper's three."""
    return tuple(names) == NAMES


def are_processed(classes: Classes, guarded: int) -> bool:
    """Tell whether the paper's post-processing is for these classes and this guarded one."""
    return are_the_papers(classes.names) and guarded == SOFT_TISSUE


def need_the_papers(names: Sequence[str], what: str) -> None:
    """Raise InputError unless classes of these names are the paper's."""
    if not are_the_papers(names):
        raise InputError(f"{what} is for {', '.join(NAMES)} alone, not for {', '.join(names)}")


def guarded_class(classes: Classes, name: str) -> int:
    """Return the id of the class that a threshold guards, or raise InputError."""
    try:
        return classes.find(name)
    except ValueError as error:
        raise InputError(f"{error}: give it with --guard") from None
