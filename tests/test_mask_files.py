"""Masks and label maps, with answers worked out by hand."""

import label_files
import numpy as np
import pytest
import tifffile
from label_files import GREEN, MAP, PURPLE, YELLOW, save
from PIL import Image

from xnet_io.masks import by_tolerance, read_mask, write_ids, write_mask
from xnet_io.palettes import AUTHORS_COLOURS, KNOWN
from xnet_tf import classes
from xnet_tf.classes import colour


def message(path) -> str:
    return label_files.message(read_mask, path)


def test_written_index_is_class_id_and_palette_is_the_papers(tmp_path):
    path = write_mask(tmp_path / "out" / "mask.png", MAP)
    with Image.open(path) as image:
        assert image.mode == "P"
        assert np.asarray(image).tolist() == MAP.tolist()
        assert image.getpalette()[:9] == [68, 1, 84, 33, 144, 140, 253, 231, 36]
    labels = read_mask(path)
    assert labels.dtype == np.uint8
    assert labels.tolist() == MAP.tolist()
    assert [file.name for file in path.parent.iterdir()] == ["mask.png"]


def test_colours():
    assert colour(MAP).tolist() == [[PURPLE, GREEN, YELLOW], [YELLOW, YELLOW, GREEN]]
    assert colour(MAP).dtype == np.uint8


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif"])
def test_rgb_files(tmp_path, suffix):
    path = save(tmp_path / f"mask{suffix}", colour(MAP))
    assert read_mask(path).tolist() == MAP.tolist()


def test_rgba_and_planar_and_compressed_tiff(tmp_path):
    opaque = np.dstack([colour(MAP), np.full(MAP.shape, 255, np.uint8)])
    assert read_mask(save(tmp_path / "a.png", opaque)).tolist() == MAP.tolist()
    path = tmp_path / "b.tif"
    tifffile.imwrite(path, opaque, photometric="rgb", compression="lzw")
    assert read_mask(path).tolist() == MAP.tolist()
    planes = np.moveaxis(colour(MAP), -1, 0)
    tifffile.imwrite(path, planes, photometric="rgb", planarconfig="separate")
    assert read_mask(path).tolist() == MAP.tolist()


def test_the_order_of_an_indexed_palette_does_not_matter(tmp_path):
    image = Image.fromarray(np.array([[3, 0, 1], [1, 1, 0]], dtype=np.uint8))
    image.putpalette([*GREEN, *YELLOW, 1, 2, 3, *PURPLE])  # index 2 is foreign, and unused
    image.save(tmp_path / "indexed.png")
    assert read_mask(tmp_path / "indexed.png").tolist() == MAP.tolist()


def test_one_wrong_pixel_is_named(tmp_path):
    pixels = colour(np.zeros((50, 40), dtype=np.uint8))
    pixels[31, 7] = (68, 1, 85)  # open beam, one step off
    text = message(save(tmp_path / "m.png", pixels))
    assert "1 pixels of colour (68, 1, 85)" in text
    assert "(x, y) = (7, 31)" in text
    assert "GIMP" in text


def test_the_commonest_of_several_wrong_colours_is_named(tmp_path):
    pixels = colour(np.zeros((5, 5), dtype=np.uint8))
    pixels[0, 0] = (1, 2, 3)
    pixels[2, 3:] = (9, 9, 9)
    text = message(save(tmp_path / "m.png", pixels))
    assert "2 pixels of colour (9, 9, 9), which is no class, the first at (x, y) = (3, 2)" in text
    assert "1 pixels of 1 other colours" in text


def test_transparency_is_refused_in_every_form(tmp_path):
    pixels = np.dstack([colour(MAP), np.full(MAP.shape, 255, np.uint8)])
    pixels[1, 2, 3] = 254
    text = message(save(tmp_path / "rgba.png", pixels))
    assert "1 partly transparent pixels, the first at (x, y) = (2, 1)" in text
    pixels[1, 2, 3] = 0
    text = message(save(tmp_path / "rgba.png", pixels))
    assert "1 transparent pixels, the first at (x, y) = (2, 1)" in text
    image = Image.fromarray(MAP)
    image.putpalette(classes.COLOURS.tobytes())
    image.save(tmp_path / "indexed.png", transparency=2)
    assert "3 transparent pixels" in message(tmp_path / "indexed.png")


def test_what_cannot_be_a_mask(tmp_path):
    assert "JPEG" in message(save(tmp_path / "m.jpg", colour(MAP)))
    assert "greyscale" in message(save(tmp_path / "grey.png", 100 * MAP))
    tifffile.imwrite(tmp_path / "deep.tif", colour(MAP).astype(np.uint16), photometric="rgb")
    assert "16-bit" in message(tmp_path / "deep.tif")
    assert "no such file" in message(tmp_path / "missing.png")
    (tmp_path / "text.png").write_text("not a picture")
    assert "is not PNG" in message(tmp_path / "text.png")


def test_other_palettes(tmp_path):
    path = save(tmp_path / "m.png", AUTHORS_COLOURS[MAP])
    assert read_mask(path, KNOWN["authors"]).tolist() == MAP.tolist()
    assert "import with --palette authors" in message(path)


def test_ids_are_written_and_read(tmp_path):
    path = write_ids(tmp_path / "a.png", MAP)
    with Image.open(path) as image:
        assert image.mode == "L" and np.asarray(image).tolist() == MAP.tolist()
    assert read_mask(path).tolist() == MAP.tolist()
    assert path.read_bytes() == write_ids(tmp_path / "b.png", MAP).read_bytes()


def test_the_authors_rule_by_hand():
    # Yellow within 100; too blue for yellow and too yellow for blue; blue; white; black.
    pixels = [[[255, 255, 99], [160, 160, 130], [90, 0, 255], [255, 255, 255], [0, 0, 0]]]
    assert by_tolerance(np.array(pixels, np.uint8)).tolist() == [[1, 0, 2, 0, 0]]


@pytest.mark.parametrize("labels", [[[0, 3]], [[-1, 0]], [0, 1], [[0.0, 1.0]]])
def test_what_is_no_label_map_is_not_written(tmp_path, labels):
    with pytest.raises(ValueError):
        write_mask(tmp_path / "m.png", np.array(labels))
    with pytest.raises(ValueError):
        colour(np.array(labels))
    assert not list(tmp_path.iterdir())
