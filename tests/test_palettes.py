"""Palettes by name, from TOML and from GIMP."""

from pathlib import Path

import numpy as np
import pytest

from xnet_io import palettes
from xnet_tf import classes
from xnet_tf.files import InputError

ROOT = Path(__file__).resolve().parents[1]

TOML = """
[[class]]
name = "open beam"
colour = [0, 0, 0]
[[class]]
name = "flesh"
colour = [0, 255, 0]
[[class]]
name = "bone"
colours = [[255, 255, 0], [255, 0, 0]]
[[class]]
name = "contrast agent"
colour = [0, 0, 255]
"""


def write(path, text):
    path.write_text(text)
    return path


def test_the_shipped_gimp_palette_is_the_classes_own(tmp_path):
    shipped = ROOT / "docs" / "gimp" / "xnet.gpl"
    palette = palettes.load(shipped)
    assert palette.classes == classes.NAMES
    np.testing.assert_array_equal(palette.colours, classes.COLOURS)
    assert shipped.read_bytes() == palettes.write_gpl(tmp_path / "xnet.gpl").read_bytes()


def test_known_palettes():
    assert palettes.load("paper") is palettes.PAPER
    assert palettes.load("authors").colours.tolist()[1] == [255, 255, 0]
    assert palettes.load("authors-bgr").colours.tolist()[1] == [0, 255, 255]
    assert palettes.PAPER.colour_of(classes.BONE) == (253, 231, 36)
    # White and yellow differ by 255 in blue alone; purple and green by at most 143.
    assert palettes.load("authors").widest_snap == 127
    assert palettes.PAPER.widest_snap == 71


def test_toml_with_four_classes_and_two_colours_of_one(tmp_path):
    palette = palettes.load(write(tmp_path / "p.toml", TOML))
    assert palette.classes == ("open beam", "flesh", "bone", "contrast agent")
    assert palette.ids.tolist() == [0, 1, 2, 2, 3]
    assert palette.colours.tolist()[3] == [255, 0, 0]
    shuffled = (
        '[[class]]\nid=1\nname="b"\ncolour=[9,9,9]\n[[class]]\nid=0\nname="a"\ncolour=[1,1,1]'
    )
    palette = palettes.load(write(tmp_path / "q.toml", shuffled))
    assert palette.classes == ("a", "b") and palette.ids.tolist() == [1, 0]


def test_gimp_palettes_by_name_and_by_place(tmp_path):
    head = "GIMP Palette\nName: x\nColumns: 0\n# a note\n"
    sorted_otherwise = head + "253 231 36\tBone\n255 0 0\tcatheter\n68 1 84 Open_beam\n"
    palette = palettes.load(write(tmp_path / "a.gpl", sorted_otherwise + "33 144 140 soft tissue"))
    assert palette.classes == ("open beam", "soft tissue", "bone", "catheter")
    assert palette.ids.tolist() == [2, 3, 0, 1]
    nameless = head + "1 2 3 Untitled\n4 5 6\n7 8 9 Untitled\n"
    assert palettes.load(write(tmp_path / "b.gpl", nameless)).ids.tolist() == [0, 1, 2]
    again = palettes.write_gpl(tmp_path / "c.gpl", palette)
    assert palettes.load(again).ids.tolist() == [2, 3, 0, 1]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.toml", "class = 3", "defines no class"),
        ("a.toml", "[[class]", "not TOML"),
        ("a.toml", '[[class]]\ncolour = [1, 2, 3]', "class 0 is not understood"),
        ("a.toml", '[[class]]\nname = "a"\ncolour = [1, 2, 300]', "is no colour"),
        ("a.toml", '[[class]]\nname = "a"\ncolour = [true, 2, 3]', "is no colour"),
        ("a.toml", '[[class]]\nname = "a"\ncolours = 3', "is not understood"),
        ("a.toml", '[[class]]\nname = "a"\ncolour = [1, 2, 3]', "fewer than two classes"),
        ("a.toml", TOML + '[[class]]\nname="x"\ncolour=[0,0,255]', "stands for two entries"),
        ("a.toml", TOML + '[[class]]\nname="Bone"\ncolour=[1,0,255]', "two classes have one name"),
        ("a.toml", TOML + '[[class]]\nid=9\nname="x"\ncolour=[1,0,255]', "without a gap"),
        ("a.toml", TOML + '[[class]]\nid=1\nname="x"\ncolour=[1,0,255]', "share the id 1"),
        ("a.gpl", "no palette", "not a GIMP palette"),
        ("a.gpl", "GIMP Palette\nred green blue", "line 2: no colour"),
        ("a.gpl", "GIMP Palette\n1 2 3 bone\n4 5 6 flesh", "but not"),
        ("a.gpl", "GIMP Palette\n1 2 3 a\n4 5 600 b", "is no colour"),
        ("a.txt", "", "nor a .toml or .gpl file"),
    ],
)  # fmt: skip
def test_what_is_no_palette_is_refused_in_one_line(tmp_path, name, text, expected):
    with pytest.raises(InputError) as caught:
        palettes.load(write(tmp_path / name, text))
    assert expected in str(caught.value) and name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_and_binary_palettes(tmp_path):
    with pytest.raises(InputError, match="cannot be opened"):
        palettes.load(tmp_path / "none.gpl")
    (tmp_path / "b.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="UTF-8"):
        palettes.load(tmp_path / "b.toml")
