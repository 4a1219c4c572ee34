"""Feed damaged files to the readers: ``python tests/fuzzing.py CASES FORMAT... [--seconds S]``.

A process of its own, so that a crash, a hang or a large appetite for memory is seen from outside.
Hypothesis damages good files; what is not read must be refused by our own error. With seconds,
rounds of so many cases, each with other draws, go on for so long in every format.
"""

from __future__ import annotations

import argparse
import io
import json
import resource
import shutil
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from label_files import GIMP, MAP, Shape, ora_bytes, png_bytes, rgba, xcf_bytes
from picture_files import LOSSLESS, SMOOTH, STORED, write_compressed, write_dicom
from pydicom.uid import RLELossless

from xnet_io import masks, onnx_graph, palettes, radiographs, segment_table, shapes
from xnet_io.masks import Rules
from xnet_study.certainty import operating
from xnet_tf import classes, dataset, runs
from xnet_tf.files import InputError, read_json, sha256, write_json

PICTURES = ("png", "tiff", "bmp", "jpeg")
TEXTS = ("manifest", "split", "classes", "labelme", "coco", "table", "points", "record", "weights")
FORMATS = (*PICTURES, "xcf", "ora", "stack", "dicom", "palette", *TEXTS)
SLOWEST = 20.0
"""Seconds of the processor that one file may take."""

LOOSE = Rules(snap=40, relabel_edges=True, lossy=True, transparent="open beam")
# Numbers on which readers stumble.
EXTREMES = [0, 1, 127, 128, 255, 2**15, 2**16 - 1, 2**24, 2**31 - 1, 2**31, 2**32 - 1]


def good_files(kind: str, folder: Path) -> list[bytes]:
    """Return small good files of a format."""
    names = {
        "png": ["pencil.png", "indexed.png", "alpha-soft.png", "deep.png", "grey.png"],
        "tiff": ["indexed.tif"],
        "bmp": ["indexed.bmp"],
        "jpeg": ["authors-40.jpg", "authors-75-halved.jpg"],
        "xcf": ["class-layers.xcf", "group.xcf", "indexed.xcf"],
    }
    files = [(GIMP / name).read_bytes() for name in names.get(kind, [])]
    if kind == "tiff":
        import tifffile

        for compression in (None, "lzw", "zlib"):
            path = folder / "good.tif"
            tifffile.imwrite(path, rgba(MAP), photometric="rgb", compression=compression)
            files.append(path.read_bytes())
    elif kind == "xcf":
        shapes = [Shape("labels", rgba(MAP)), Shape("x", classes.COLOURS[MAP])]
        files += [xcf_bytes(shapes, MAP.shape, v, c) for v, c in ((3, 0), (8, 2), (23, 1))]
    elif kind == "ora":
        pictures = {"data/a.png": png_bytes(rgba(MAP))}
        layer = '<layer name="labels" src="data/a.png" x="0" y="0"/>'
        files = [ora_bytes(layer, MAP.shape, pictures), ora_bytes(layer * 3, MAP.shape, pictures)]
    elif kind == "stack":
        layer = '<layer name="labels" src="a.png" x="0" y="0" opacity="0.5" visibility="visible"/>'
        stack = f'<image w="3" h="2"><stack x="1" y="1">{layer * 2}</stack>{layer}</image>'
        files = [stack.encode()]
    elif kind == "dicom":
        for preamble in (True, False):
            files.append(write_dicom(folder / "a.dcm", STORED, preamble=preamble).read_bytes())
        files.append(write_dicom(folder / "a.dcm", STORED, RLELossless).read_bytes())
        for syntax, encode in LOSSLESS.items():
            path = write_compressed(folder / "a.dcm", syntax, encode(SMOOTH))
            files.append(path.read_bytes())
    elif kind == "palette":
        files = [palettes.write_gpl(folder / "a.gpl").read_bytes()]
        files.append(b'[[class]]\nname="a"\ncolour=[1,2,3]\n[[class]]\nname="b"\ncolours=[[4,5,6]]')
    return files


def good_text(kind: str) -> bytes:
    """Return a good file of a data set, of other tools' shapes, of our own tables and records."""
    weights = runs.USER_WEIGHTS
    files = {"points": operating.path_for(weights), "record": weights.with_suffix(".json")}
    if kind in files:
        return files[kind].read_bytes()
    if kind == "weights":  # few of them: Hypothesis keeps what it has tried
        with np.load(weights, allow_pickle=False) as arrays:
            np.savez_compressed(few := io.BytesIO(), **{k: arrays[k][..., :1] for k in arrays})
        return few.getvalue()
    rows = [("image", "mask", "body_part", "subject", "source", "polarity")]
    rows += [(f"images/{n}.png", f"masks/{n}.png", "hand", n, "own", "bright") for n in "abc"]
    row = ["a.png", "a_mask.png", "10", "20", "70", "0.9", "bright", "99", "", "0.1", "", "0" * 64]
    table = segment_table.columns(classes.NAMES), row, row
    if kind in ("manifest", "table"):
        return "\r\n".join(",".join(line) for line in {"manifest": rows}.get(kind, table)).encode()
    if kind == "classes":
        colours = ("0,air,#000000", "1,flesh,#ff0000 #00ff00", "2,bone,#0000ff")
        return "\n".join(("id,name,colours", *colours)).encode()
    square = [[0, 0], [3, 0], [3, 2], [0, 2]]
    shape = {"label": "bone", "points": square, "shape_type": "polygon"}
    drawn = [[0, 0, 3, 0, 3, 2, 0, 2]], {"size": [2, 3], "counts": [1, 2, 3]}
    about = {"image_id": 1, "category_id": 1}
    content = {
        "split": {part: [row[0]] for part, row in zip(dataset.SUBSETS, rows[1:], strict=True)},
        "labelme": {"imagePath": "a.png", "imageHeight": 2, "imageWidth": 3, "shapes": [shape]},
        "coco": {
            "images": [{"id": 1, "file_name": "a.png", "height": 2, "width": 3}],
            "categories": [{"id": 1, "name": "bone"}],
            "annotations": [about | {"id": n, "segmentation": one} for n, one in enumerate(drawn)],
        },
    }
    return json.dumps(content[kind]).encode()


def try_text(kind: str, path: Path) -> None:
    """Read such a file where it is looked for."""
    folder = path.with_name("set")
    shutil.rmtree(folder, ignore_errors=True)
    names = {"split": "split.json", "table": segment_table.NAME}
    if kind in ("manifest", "split", "classes"):
        for part in ("images", "masks"):
            (folder / part).mkdir(parents=True)
            for name in "abc":
                (folder / part / f"{name}.png").touch()
        (folder / "manifest.csv").write_bytes(good_text("manifest"))
        shutil.copy(path, folder / names.get(kind, f"{kind}.csv"))
        attempt(dataset.load, folder)
    elif kind in ("labelme", "coco"):
        shapes.load.cache_clear()
        attempt(shapes.coco_images if kind == "coco" else shapes.labelme_image, path)
        for rest in ("open beam", None):
            labels = attempt(shapes.read, path, "a.png", (2, 3), Rules(rest=rest))
            assert labels is None or labels.labels.shape == (2, 3)
    elif kind == "table":
        folder.mkdir()
        shutil.copy(path, folder / names[kind])
        if table := attempt(segment_table.Table, folder, classes.NAMES):
            with table:
                table.add({"file": "b.png", "mask": "b_mask.png"})
            again = attempt(segment_table.Table, folder, classes.NAMES)
            assert again is not None
    else:
        folder.mkdir()
        weights, released = folder / "xnet.npz", runs.USER_WEIGHTS
        shutil.copy(path if kind == "weights" else released, weights)
        record = read_json(released.with_suffix(".json"))
        write_json(weights.with_suffix(".json"), record | {"sha256": sha256(weights)})
        if kind == "record":
            shutil.copy(path, weights.with_suffix(".json"))
        elif kind == "points":
            shutil.copy(path, operating.path_for(weights))
            attempt(operating.read, weights)
            return
        attempt(onnx_graph.build, weights)


def damaged(files: list[bytes]) -> st.SearchStrategy[bytes]:
    """Return a strategy of damaged files: numbers overwritten, parts cut out, doubled, appended."""
    place = st.floats(0, 1, exclude_max=True)
    change = st.one_of(
        st.tuples(st.just("byte"), place, st.integers(0, 255)),
        st.tuples(st.just("16"), place, st.sampled_from(EXTREMES)),
        st.tuples(st.just("32"), place, st.sampled_from(EXTREMES)),
        st.tuples(st.just("cut"), place, st.integers(1, 64)),
        st.tuples(st.just("double"), place, st.integers(1, 64)),
        st.tuples(st.just("end"), place, st.just(0)),
        st.tuples(st.just("insert"), place, st.binary(max_size=16)),
    )
    return st.builds(apply, st.sampled_from(files), st.lists(change, min_size=1, max_size=6))


def apply(content: bytes, changes: list[tuple]) -> bytes:
    """Apply changes, each at a place given as a fraction of the length."""
    for kind, fraction, value in changes:
        at = int(fraction * len(content))
        if kind in ("byte", "16", "32"):
            width = {"byte": 1, "16": 2, "32": 4}[kind]
            number = (value % 256**width).to_bytes(width, "big" if at % 2 else "little")
            content = content[:at] + number + content[at + width :]
        elif kind == "cut":
            content = content[:at] + content[at + value :]
        elif kind == "double":
            content = content[:at] + content[at : at + value] + content[at:]
        elif kind == "end":
            content = content[:at]
        else:
            content = content[:at] + value + content[at:]
    return content


def try_file(kind: str, path: Path) -> None:
    """Read a file in every way that takes such files; InputError is a good answer."""
    if kind in TEXTS:
        try_text(kind, path)
    elif kind == "palette":
        for suffix in (".gpl", ".toml"):
            attempt(palettes.load, path.rename(path.with_suffix(suffix)))
            path = path.with_suffix(suffix)
    elif kind == "dicom":
        try_radiograph(path)
    else:
        if kind in PICTURES:
            try_radiograph(path)
        if kind == "stack":
            # A damaged ZIP is seldom opened at all; here the damage lies inside a good one.
            stack = path.read_bytes()
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("stack.xml", stack)
                archive.writestr("a.png", png_bytes(rgba(MAP)))
        for rules in (Rules(), LOOSE):
            labels = attempt(masks.read, path, rules)
            assert labels is None or (
                labels.labels.dtype == np.uint8 and labels.labels.max() < rules.palette.count
            )


def try_radiograph(path: Path) -> None:
    image = attempt(radiographs.read, path)
    assert image is None or (image.min() >= 0 and image.max() <= 1)


def attempt(read, *arguments):
    try:
        return read(*arguments)
    except InputError as error:
        assert "\n" not in str(error) and str(error)
        return None


def peak_memory() -> int:
    """Return the most memory that this process has held, in MB."""
    status = Path("/proc/self/status")
    if status.is_file():  # there, unlike in getrusage, what the calling process held is left out
        line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
        return round(int(line.split()[1]) / 1024)
    unit = 1024**2 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit)


def fuzz_format(kind: str, cases: int, start: int = 0) -> tuple[int, float]:
    """Try damaged files of one format. Returns how many, and the seconds of the slowest.

    Args:
        kind: of `FORMATS`.
        cases: how many.
        start: seed of the draws; the same seed draws the same files.
    """
    slowest, tried = 0.0, 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "case.bin"
        files = [good_text(kind)] if kind in TEXTS else good_files(kind, Path(folder))

        @seed(start)
        @settings(
            max_examples=cases, deadline=None, database=None,
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(content=damaged(files))
        def fuzz(content):
            nonlocal slowest, tried
            path.write_bytes(content)
            begin = time.process_time()
            try_file(kind, path)
            slowest = max(slowest, time.process_time() - begin)
            tried += 1

        fuzz()
    return tried, slowest


def main() -> None:
    """Try damaged files of several formats and print how it went, a line of JSON for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", type=int)
    parser.add_argument("formats", nargs="+", choices=FORMATS)
    parser.add_argument("--seconds", type=float, default=0)
    options = parser.parse_args()
    # Beyond this a process could take the machine down before anybody looks.
    resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
    for kind in options.formats:
        begin, rounds = time.monotonic(), []
        while not rounds or time.monotonic() - begin < options.seconds:
            rounds.append(fuzz_format(kind, options.cases, start=len(rounds)))
        tried, slowest = zip(*rounds, strict=True)
        result = {"format": kind, "tried": sum(tried), "slowest s": max(slowest)}
        print(json.dumps(result | {"peak MB": peak_memory()}), flush=True)


if __name__ == "__main__":
    main()
