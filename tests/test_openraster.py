"""OpenRaster files: layers, groups, and archives that mean harm."""

import io
import zipfile

import numpy as np
import pytest
from label_files import MAP, YELLOW, message, ora_bytes, png_bytes, rgba, write

from xnet_io import openraster
from xnet_io.masks import read_mask
from xnet_tf import classes

LAYER = '<layer name="labels" src="data/a.png" opacity="0.5"/>'
BELOW = '<layer name="radiograph" src="data/b.png"/>'
PICTURES = {"data/a.png": png_bytes(rgba(MAP)), "data/b.png": png_bytes(classes.COLOURS[MAP] // 2)}


def read(folder, stack, pictures=PICTURES, size=MAP.shape):
    return read_mask(write(folder / "m.ora", ora_bytes(stack, size, pictures)))


def test_the_labels_layer_is_the_mask(tmp_path):
    assert read(tmp_path, LAYER + BELOW).tolist() == MAP.tolist()


def test_groups_move_and_hide_their_layers(tmp_path):
    dot = {"dot.png": png_bytes([[YELLOW]])}
    inner = '<layer name="bone" src="dot.png" x="1"/>'
    stack = f'<stack x="1" y="1">{inner}</stack><layer name="open beam" src="data/a.png"/>'
    all_beam = {"data/a.png": png_bytes(rgba(np.zeros_like(MAP)))}
    assert read(tmp_path, stack, dot | all_beam).tolist() == [[0, 0, 0], [0, 0, 2]]
    hidden = stack.replace("<stack ", '<stack visibility="hidden" ', 1)
    path = write(tmp_path / "m.ora", ora_bytes(hidden, MAP.shape, dot | all_beam))
    assert "'bone' is hidden" in message(read_mask, path)


@pytest.mark.parametrize(
    ("stack", "expected"),
    [
        (LAYER.replace("/>", ' composite-op="svg:multiply"/>'), "the mode 'svg:multiply'"),
        (LAYER.replace("0.5", "much"), "damaged"),
        (LAYER.replace("/>", ' x="1e99"/>'), "6 transparent pixels"),
        (LAYER.replace("/>", ' x="nan"/>'), "damaged"),
        (LAYER.replace("a.png", "c.png"), "lacks data/c.png"),
        ("<stack>" * 2000 + LAYER + "</stack>" * 2000, "damaged"),
        (LAYER * 1001, "more than 1000 layers"),
        ("", "no visible layer"),
        ("<layer", "damaged"),
    ],
)
def test_stacks_that_cannot_be_used(tmp_path, stack, expected):
    path = write(tmp_path / "m.ora", ora_bytes(stack, MAP.shape, PICTURES))
    assert expected in message(read_mask, path)


def test_pictures_that_cannot_be_used(tmp_path):
    for content, expected in (
        (b"no picture", "damaged"),
        (png_bytes(MAP), "no 8-bit RGB picture"),
        (PICTURES["data/a.png"][:60], "damaged"),
    ):
        path = write(tmp_path / "m.ora", ora_bytes(LAYER, MAP.shape, {"data/a.png": content}))
        assert expected in message(read_mask, path)


def test_archives_that_mean_harm(tmp_path, monkeypatch):
    monkeypatch.setattr(openraster, "_MAX_STACK_BYTES", 1000)
    long = ora_bytes(LAYER + " " * 5000, MAP.shape, PICTURES)
    assert "more than 1,000 bytes" in message(read_mask, write(tmp_path / "a.ora", long))
    monkeypatch.undo()
    monkeypatch.setattr(openraster, "_MAX_LAYER_BYTES", 10_000)
    bomb = ora_bytes(LAYER, MAP.shape, {"data/a.png": bytes(50_000_000)})
    assert len(bomb) < 100_000
    assert "more than 10,000 bytes" in message(read_mask, write(tmp_path / "b.ora", bomb))
    monkeypatch.undo()
    huge = ora_bytes(LAYER, (10**5, 10**5), PICTURES)
    assert "too large" in message(read_mask, write(tmp_path / "c.ora", huge))
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("stack.xml", '<!DOCTYPE a [<!ENTITY b "c">]><image>&b;</image>')
    text = message(read_mask, write(tmp_path / "d.ora", stream.getvalue()))
    assert "definitions of its own" in text
    assert "damaged" in message(read_mask, write(tmp_path / "e.ora", long[:100]))
    with zipfile.ZipFile(tmp_path / "f.ora", "w") as archive:
        archive.writestr("word.xml", "<document/>")
    assert "lacks stack.xml" in message(read_mask, tmp_path / "f.ora")


def test_many_uses_of_one_picture_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(openraster, "MAX_PIXELS", 10)
    stack = BELOW.replace("radiograph", "x") * 9
    path = write(tmp_path / "m.ora", ora_bytes(stack, MAP.shape, PICTURES))
    assert "too many pixels" in message(read_mask, path)
