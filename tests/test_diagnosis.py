"""What foreign colours look like, with answers worked out by hand."""

import numpy as np
import pytest
from label_files import GIMP, GREEN, PURPLE, YELLOW

from xnet_io import diagnosis, palettes
from xnet_io.diagnosis import UNKNOWN
from xnet_io.masks import look_up
from xnet_io.palettes import PAPER
from xnet_io.pictures import decode
from xnet_tf import classes


def examine(pixels, palette=PAPER):
    pixels = np.asarray(pixels, np.uint8)
    return diagnosis.examine(pixels, look_up(pixels, palette), palette)


def halves(height=20, width=20):
    """Purple on the left, yellow on the right."""
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[:, : width // 2], pixels[:, width // 2 :] = PURPLE, YELLOW
    return pixels


def test_counts_shares_and_first_places():
    pixels = halves()
    pixels[3, 5] = pixels[3, 2] = pixels[9, 0] = (1, 200, 3)
    pixels[2, 19] = (0, 0, 200)
    found, several = examine(pixels)
    assert several == 2
    first = found[0]
    assert (first.colour, first.pixels, first.x, first.y) == ((1, 200, 3), 3, 2, 3)
    assert first.share == pytest.approx(3 / 400)
    assert (found[1].x, found[1].y) == (19, 2)
    # From (1, 200, 3): purple is (67, 199, 81) away, green (32, 56, 137), yellow (252, 31, 33).
    assert (first.nearest, first.distance) == ("soft tissue", 137)
    assert first.looks_like == "foreign" and "Edit > Fill" in first.remedy


def test_places_are_right_across_blocks(monkeypatch):
    monkeypatch.setattr(diagnosis, "_BLOCK", 40)
    pixels = halves(50, 20)
    pixels[[44, 13, 31], [3, 17, 0]] = (1, 200, 3)
    (first,), _ = examine(pixels)
    assert (first.pixels, first.x, first.y) == (3, 17, 13)


def test_blends_along_a_border_and_away_from_one():
    middle = (np.add(PURPLE, YELLOW) // 2).tolist()
    pixels = halves()
    pixels[:, 10] = middle
    assert examine(pixels)[0][0].looks_like == "anti-aliasing"
    pixels = halves()
    pixels[:, 2:5] = middle
    pixels[10, 3] = PURPLE
    assert examine(pixels)[0][0].looks_like == "soft edge"


def test_blends_in_linear_light():
    light = (np.array(PURPLE) / 255.0) ** 2.2 / 2 + (np.array(YELLOW) / 255.0) ** 2.2 / 2
    # 2.2 is not quite sRGB's curve, but within the tolerance at this point.
    mixed = np.round(255 * light ** (1 / 2.2)).astype(np.uint8)
    assert diagnosis.blends(mixed[None], PAPER).all()
    assert not diagnosis.blends(np.array([[0, 255, 255], [255, 255, 255]], np.uint8), PAPER).any()


def test_palettes_and_channels():
    swapped = halves()[..., ::-1]
    assert {f.looks_like for f in examine(swapped)[0]} == {"swapped channels"}
    authors = palettes.AUTHORS_COLOURS[np.arange(30).reshape(5, 6) % 3]
    found = examine(authors)[0]
    assert {f.looks_like for f in found} == {"wrong palette"}
    assert found[0].remedy == "import with --palette authors"
    found = examine(authors[..., ::-1], palettes.KNOWN["authors"])[0]
    assert found[0].remedy == "import with --palette authors-bgr"


def test_classes_of_a_palette_that_was_not_given():
    own = np.array([[0, 0, 0], [255, 0, 255], [120, 120, 120]])[np.arange(30).reshape(5, 6) % 3]
    assert {f.looks_like for f in examine(own)[0]} == {"other classes"}
    assert "--palette FILE" in examine(own)[0][0].remedy
    assert {f.looks_like for f in examine(np.add(halves(), 2))[0]} == {"near a class"}


def test_near_misses_and_greys():
    pixels = halves()
    pixels[0, 0] = (70, 1, 84)
    pixels[0, 1] = (99, 99, 99)
    near, grey = sorted(examine(pixels)[0], key=lambda f: f.x)
    assert (near.looks_like, near.distance) == ("near a class", 2) and "--snap 2" in near.remedy
    assert grey.looks_like == "grey"


@pytest.mark.parametrize(
    ("name", "kind"),
    [("brush.png", "anti-aliasing"), ("feather.png", "soft edge"), ("paper-90.jpg", "JPEG noise")],
)
def test_gimps_own_files(name, kind):
    pixels = decode(GIMP / name).pixels
    found, several = examine(pixels)
    assert several > len(found) == diagnosis.SHOWN
    kinds = [f.looks_like for f in found]
    assert kinds.count(kind) >= 0.8 * len(kinds), kinds


def test_noise_of_a_jpeg_is_known_by_its_colours_too():
    rng = np.random.default_rng(0)
    noisy = np.clip(halves() + rng.normal(0, 6, (20, 20, 3)), 0, 255).round()
    assert examine(noisy)[0][0].looks_like == "JPEG noise"


def test_at_borders():
    labels = np.array([[0, 0, 0, 0, UNKNOWN, 1, 1, 1]], np.uint8)
    assert diagnosis.at_borders(labels, 1)[0].tolist() == [0, 0, 0, 0, 1, 0, 0, 0]
    assert diagnosis.at_borders(labels, 2)[0].tolist() == [0, 0, 0, 1, 1, 1, 0, 0]
    assert not diagnosis.at_borders(np.full((3, 3), UNKNOWN, np.uint8)).any()


def test_nearest_class_of_several_colours():
    own = classes.Classes(("a", "b"), (("#000000", "#ff0000"), ("#090909",)))
    palette = palettes.of_classes("p", own)
    ids, distances = diagnosis.nearest_class(np.array([[250, 0, 0], [8, 9, 9]], np.uint8), palette)
    assert ids.tolist() == [0, 1] and distances.tolist() == [5, 1]
    assert classes.COLOURS[1].tolist() == GREEN
