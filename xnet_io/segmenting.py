"""Make the mask of one file, and what else is asked for: a function that anything may map.

It runs in a loop, in several processes or on several machines alike. What computes is handed to it
as a function, so that nothing here depends on the library behind it.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from xnet_io import dicom_seg, masks, outputs, overlay, pictures, radiographs
from xnet_io.pictures import fault
from xnet_io.radiographs import Radiograph
from xnet_tf.classes import PAPER, Classes
from xnet_tf.files import InputError, sha256, write_atomically, write_json

Engine = Callable[[np.ndarray], np.ndarray]
"""From a radiograph float32 ``(H, W, 1)`` to its probabilities float32 ``(H, W, C)``."""

_ENDS_ALL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)

_REPLACED = tuple(kind for kind in outputs.ENDINGS if kind != "gimp")
"""Kinds of files that go with their mask; a GIMP project may hold work of somebody."""

_engines: dict[str, Engine] = {}


class RunError(InputError):
    """A fault that the next picture would meet as well: of the network, of the disk."""


@dataclass(frozen=True)
class Task:
    """One picture to be segmented.

    Attributes:
        path: the picture.
        mask: where its mask goes.
        name: the mask's, as the table has it.
        known: SHA-256 of the mask that the table has a row of; "" if it has none.
        thumbnail: where a small picture for the review goes, or None.
        radiograph: the picture, if it has been read.
    """

    path: Path
    mask: Path
    name: str
    known: str = ""
    thumbnail: Path | None = None
    radiograph: Radiograph | None = None


def no_doubts(image: np.ndarray) -> tuple[str, ...]:
    """Warn of no picture."""
    return ()


@dataclass(frozen=True)
class Method:
    """How masks are made; it can be sent to other processes.

    Attributes:
        load: loads the network.
        decision: from probabilities ``(H, W, C)`` to a label map uint8 ``(H, W)``; its attribute
            ``record``, a dictionary, goes beside the mask unless it is empty.
        settings: all that a mask depends on, in words; with other settings it is made anew.
        polarity: how the open beam looks, as `radiographs.load` takes it.
        extras: what goes beside a mask, kinds of `outputs.ENDINGS`.
        classes: that the network knows. Where open beam is none of them, margins are segmented too.
        doubts: from a radiograph float32 ``(H, W, 1)`` to what warns of it, one line each.
    """

    load: Callable[[], Engine]
    decision: Callable[[np.ndarray], np.ndarray]
    settings: str
    polarity: str = "auto"
    extras: frozenset[str] = frozenset()
    classes: Classes = PAPER
    doubts: Callable[[np.ndarray], tuple[str, ...]] = no_doubts

    @property
    def wanted(self) -> frozenset[str]:
        """The kinds of files that belong beside a mask."""
        return self.extras | {"record"} if self.decision.record else self.extras


def segment_file(task: Task, method: Method) -> dict[str, str] | None:
    """Make a picture's mask unless it is there, of this very file and by these settings.

    Returns:
        What the table says of it, by column; a failure has an ``error``. None if all was there.

    Raises:
        RunError: if going on would be of no use.
    """
    started = time.perf_counter()
    row: dict[str, str] = {"file": str(task.path)}
    try:
        prepared = _prepare(task, method)
        if prepared is None:
            return None
        row |= _make(task, method, _engine(method), *prepared)
    except RunError:
        raise
    except Exception as error:
        # Hostile files make libraries raise nearly everything, and the others must go on.
        if getattr(error, "errno", None) in _ENDS_ALL:
            raise RunError(f"{task.mask}: cannot be written ({error.strerror})") from None
        row["error"] = _reason(task.path, error)
    return row | {"seconds": f"{time.perf_counter() - started:.2f}"}


def _engine(method: Method) -> Engine:
    """Return the network, which a process loads once, when the first picture needs it."""
    if method.settings not in _engines:
        _engines.clear()
        try:
            _engines[method.settings] = method.load()
        except InputError as error:
            raise RunError(str(error)) from None
    return _engines[method.settings]


def _prepare(task: Task, method: Method) -> tuple[Radiograph, str] | None:
    """Read a picture and hash it; None if its mask is there. Refuse to overwrite what is not ours.

    Files beside a mask are only ever written after it, so without a mask of this picture they are
    somebody else's.
    """
    kind = pictures.identify(task.path)
    if "dicom-seg" in method.extras:
        if kind != "DICOM":
            raise fault(task.path, f"is {kind}, not DICOM", "leave --dicom-seg away")
        dicom_seg.check(task.path)
    source = sha256(task.path)
    notes, files = masks.notes_of(task.mask), outputs.beside(task.mask)
    same = notes.get(masks.SOURCE) == source and notes.get(masks.SETTINGS) == method.settings
    if same and _is_complete(task, method, files):
        return None
    ours = notes.get(masks.SOURCE) == source
    for path in () if ours else (task.mask, *(files[kind] for kind in _REPLACED)):
        if path.exists():
            wrong = f"{path} exists and was not made of this file"
            raise fault(task.path, wrong, "move it away, or give another --out")
    if "gimp" in method.extras and not same and files["gimp"].exists():
        raise fault(
            task.path, f"{files['gimp']} exists and may hold corrections by hand", "move it away"
        )
    return task.radiograph or radiographs.load(task.path, method.polarity), source


def _is_complete(task: Task, method: Method, files: dict[str, Path]) -> bool:
    wanted = [files[kind] for kind in method.wanted]
    wanted += [task.thumbnail] if task.thumbnail else []
    return all(path.exists() for path in wanted) and sha256(task.mask) == task.known


def _make(
    task: Task, method: Method, engine: Engine, radiograph: Radiograph, source: str
) -> dict[str, str]:
    classes = method.classes
    radiograph, probabilities = predict(radiograph, engine, classes)
    image, given = radiograph.image[radiograph.exposed], method.decision(probabilities)
    mask = radiograph.widen(given)
    files = outputs.beside(task.mask)
    # What speaks of an earlier mask must not outlive it, were this process killed here.
    for kind in _REPLACED:
        files[kind].unlink(missing_ok=True)
    notes = {masks.SOURCE: source, masks.SETTINGS: method.settings}
    masks.write_mask(task.mask, mask, notes, classes)
    _write_extras(task, method, radiograph, probabilities, mask)
    confidence = np.take_along_axis(probabilities, given[..., np.newaxis].astype(np.intp), axis=-1)
    shares = np.bincount(mask.ravel(), minlength=classes.count) / mask.size
    return {
        "mask": task.name,
        **{f"{n} (%)": f"{100 * s:.2f}" for n, s in zip(classes.names, shares, strict=True)},
        "network confidence": f"{confidence.mean(dtype=np.float64):.4f}",
        "polarity": radiograph.polarity,
        "sure of polarity (%)": f"{100 * radiograph.certainty:.1f}",
        "warnings": " | ".join((*radiograph.warnings, *method.doubts(image))),
        "mask sha256": sha256(task.mask),
    }


def predict(
    radiograph: Radiograph, engine: Engine, classes: Classes
) -> tuple[Radiograph, np.ndarray]:
    """Compute the probabilities of a radiograph: the path of all masks, and of their certificates.

    Returns:
        The radiograph, whose exposed part is the whole where open beam is none of the classes; and
        that part's probabilities, float32 ``(h, w, C)``.
    """
    if not classes.has_open_beam:
        radiograph = replace(radiograph, exposed=np.s_[:, :])
    return radiograph, engine(radiograph.image[radiograph.exposed])


def _write_extras(
    task: Task, method: Method, radiograph: Radiograph, probabilities: np.ndarray, mask: np.ndarray
) -> None:
    """Write what belongs beside a mask."""
    classes = method.classes
    files = outputs.beside(task.mask)
    if method.decision.record:
        taken = {"polarity": radiograph.polarity, "polarity_certainty": radiograph.certainty}
        taken["polarity_given"] = method.polarity != "auto"
        write_json(files["record"], method.decision.record | taken)
    if "probabilities" in method.extras:
        whole = radiograph.widen_probabilities(probabilities)
        write_probabilities(files["probabilities"], whole, classes)
    if "dicom-seg" in method.extras:
        dicom_seg.write(files["dicom-seg"], mask, task.path, classes)
    if "overlay" in method.extras:
        overlay.write(files["overlay"], radiograph.image, mask, classes)
    if task.thumbnail:
        overlay.write_thumbnail(task.thumbnail, radiograph.image, mask, classes)
    if "gimp" in method.extras and not files["gimp"].exists():
        masks.write_project(files["gimp"], radiograph.image, mask, classes)


def write_probabilities(path: Path, probabilities: np.ndarray, classes: Classes = PAPER) -> Path:
    """Write probabilities ``(H, W, C)`` as float16, with the names of their classes.

    Returns:
        The path of the ``.npz``, with ``probabilities`` and ``classes``.
    """
    arrays = {"probabilities": probabilities.astype(np.float16), "classes": list(classes.names)}
    return write_atomically(path, lambda temporary: np.savez_compressed(temporary, **arrays))


def _reason(path: Path, error: Exception) -> str:
    """Say in one line, without the file's name, what is wrong with it."""
    text = " ".join(str(error).split()).removeprefix(f"{path}: ")
    if isinstance(error, OSError) and not isinstance(error, InputError):
        return error.strerror or text
    return text if isinstance(error, InputError) else f"{type(error).__name__}: {text}"
