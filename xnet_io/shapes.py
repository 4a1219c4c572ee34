"""Masks that are lists of shapes: labelme's JSON, a file an image, and COCO's, a file for all.

Later shapes lie above earlier ones; what none covers is the class that `Rules.rest` names.
"""

from __future__ import annotations

import base64
import functools
import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np

from xnet_io.masks import Imported, Rules
from xnet_io.pictures import fault
from xnet_tf.files import InputError

SUFFIX = ".json"

_UNCOVERED = 255
_MALFORMED = (AttributeError, IndexError, KeyError, TypeError, ValueError)
_EXPORT_AGAIN = "export it again"


def read(path: Path, image: str, shape: tuple[int, int], rules: Rules) -> Imported:
    """Draw the shapes of one image.

    Args:
        path: of labelme's JSON for the image, or COCO's for many.
        image: path of the image, whose name COCO's JSON has.
        shape: height and width of the image.
        rules: the palette names the labels; `rest` names what no shape covers.

    Returns:
        The label map.

    Raises:
        InputError: if the file is none of the two, is for an image of another size, or has a label
            of no class, or a shape that has no area or does not lie in the picture.
    """
    content = load(path)
    kind, drawn = ("COCO", _coco) if is_coco(content) else ("labelme", _labelme)
    labels = np.full(shape, _UNCOVERED, np.uint8)
    try:
        for what, label, inside in drawn(path, content, image, shape):
            try:
                labels[inside] = rules.palette.find(label)
            except InputError as error:
                raise fault(path, f"{what}: label {error}", "give --palette") from None
    except InputError:
        raise
    except _MALFORMED as error:
        raise fault(path, f"is not what {kind} writes ({error!r})", _EXPORT_AGAIN) from None
    bare = labels == _UNCOVERED
    if rules.rest is not None:
        labels[bare] = rules.palette.find(rules.rest)
    elif bare.any():
        y, x = np.unravel_index(bare.argmax(), shape)
        wrong = f"{image}: no shape covers {bare.sum():,} pixels, the first at (x, y) = ({x}, {y})"
        raise fault(path, wrong, "say what they are: import-masks --rest CLASS")
    return Imported(rules.palette.settled(labels), kind, 0, 0)


@functools.lru_cache(maxsize=2)
def load(path: Path) -> dict:
    """Read a JSON object.

    Raises:
        InputError: if the file holds none, or neither labelme's nor COCO's.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise fault(path, f"is no JSON ({error})", _EXPORT_AGAIN) from None
    if not isinstance(content, dict) or not ("shapes" in content or is_coco(content)):
        raise fault(path, "is neither labelme's JSON nor COCO's", _EXPORT_AGAIN)
    return content


def is_coco(content: dict) -> bool:
    """Tell COCO's JSON from labelme's."""
    return {"images", "annotations", "categories"} <= content.keys()


def coco_images(path: Path) -> list[str]:
    """Return the names of the images that COCO's JSON lists."""
    try:
        return [PureWindowsPath(image["file_name"]).as_posix() for image in load(path)["images"]]
    except _MALFORMED as error:
        raise fault(path, f"is not what COCO writes ({error!r})", _EXPORT_AGAIN) from None


def labelme_image(path: Path) -> str:
    """Return the name of the image that lies beside labelme's JSON, or "" if it is embedded.

    Raises:
        InputError: if neither is the case.
    """
    content = load(path)
    name = PureWindowsPath(str(content.get("imagePath") or "")).name
    if name and (path.parent / name).is_file():
        return name
    if content.get("imageData"):
        return ""
    raise fault(path, f"its image {name!r} is neither beside it nor embedded", "put it there")


def write_embedded(path: Path, folder: Path) -> Path:
    """Write the image that labelme's JSON embeds into a folder. Returns its path."""
    content = load(path)
    try:
        image = base64.b64decode(content["imageData"], validate=True)
    except _MALFORMED as error:
        raise fault(path, f"has no image that can be decoded ({error})", _EXPORT_AGAIN) from None
    file = folder / (path.stem + PureWindowsPath(str(content.get("imagePath", ""))).suffix)
    file.write_bytes(image)
    return file


def _labelme(path: Path, content: dict, image: str, shape: tuple[int, int]) -> Iterator[tuple]:
    """Yield what each shape is called in messages, its label, and its pixels, bool ``(H, W)``."""
    _check_size(path, image, (content["imageHeight"], content["imageWidth"]), shape)
    for number, drawn in enumerate(content["shapes"], start=1):
        what, kind = f"shape {number} ({drawn['label']!r})", drawn.get("shape_type", "polygon")
        points = np.array(drawn["points"], float).reshape(-1, 2)
        if kind == "rectangle" and len(points) == 2:
            (left, top), (right, bottom) = points
            points = np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
        elif kind != "polygon" or len(points) < 3:
            wrong = f"{what} is a {kind} of {len(points)} points"
            raise fault(path, wrong, "draw polygons or rectangles, which have an area")
        _check_inside(path, what, points, shape)
        yield what, drawn["label"], _filled(points, shape)


def _coco(path: Path, content: dict, image: str, shape: tuple[int, int]) -> Iterator[tuple]:
    try:
        from pycocotools import mask as runs
    except ImportError:
        raise InputError(f"{path}: COCO needs pycocotools: pip install 'xnet-tf[coco]'") from None
    name = PurePosixPath(image).name
    (about,) = (i for i in content["images"] if PureWindowsPath(i["file_name"]).name == name)
    _check_size(path, image, (about["height"], about["width"]), shape)
    labels = {category["id"]: category["name"] for category in content["categories"]}
    for drawn in content["annotations"]:
        if drawn["image_id"] != about["id"]:
            continue
        label, outline = labels[drawn["category_id"]], drawn.get("segmentation")
        what = f"annotation {drawn['id']} ({label!r})"
        if not outline:
            raise fault(path, f"{what} has no segmentation", "outline it, or take it away")
        if isinstance(outline, list):
            for polygon in outline:
                _check_inside(path, what, np.array(polygon, float).reshape(-1, 2), shape)
            outline = runs.merge(runs.frPyObjects(outline, *shape))
        else:
            _check_size(path, f"{what} of {image}", tuple(outline["size"]), shape)
            if isinstance(outline["counts"], list):
                outline = runs.frPyObjects(outline, *shape)
        yield what, label, runs.decode(outline).astype(bool)


def _check_size(path: Path, image: str, said: tuple, shape: tuple[int, int]) -> None:
    if tuple(said) != tuple(shape):
        wrong = f"is for {said[1]} x {said[0]} pixels, but {image} has {shape[1]} x {shape[0]}"
        raise fault(path, wrong, "outline the picture itself")


def _check_inside(path: Path, what: str, points: np.ndarray, shape: tuple[int, int]) -> None:
    """Raise InputError if a corner lies beyond the picture, whose pixels' borders are integers."""
    outside = (points < 0).any(axis=1) | (points > shape[::-1]).any(axis=1) | np.isnan(points[:, 0])
    if outside.any():
        x, y = points[outside.argmax()]
        wrong = f"{what} reaches out of the picture, to (x, y) = ({x:g}, {y:g})"
        raise fault(path, wrong, "move the corner into it")


def _filled(points: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return the pixels whose centres lie in a polygon ``(N, 2)`` of x and y, bool ``(H, W)``."""
    from skimage.draw import polygon2mask

    return polygon2mask(shape, points[:, ::-1] - 0.5)
