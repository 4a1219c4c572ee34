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
    assert palette.classes == classes.PAPER
    np.testing.assert_array_equal(palette.colours, classes.COLOURS)
    assert shipped.read_bytes() == palettes.write_gpl(tmp_path / "xnet.gpl").read_bytes()


def test_known_palettes():
    assert palettes.load("paper") is palettes.PAPER
    assert palettes.load("authors").colours.tolist()[1] == [255, 255, 0]
    assert palettes.load("authors-bgr").colours.tolist()[1] == [0, 255, 255]
    assert palettes.PAPER.colours[classes.BONE].tolist() == [253, 231, 36]
    # White and yellow differ by 255 in blue alone; purple and green by at most 143.
    assert palettes.load("authors").widest_snap == 127
    assert palettes.PAPER.widest_snap == 71


def test_toml_with_four_classes_and_two_colours_of_one(tmp_path):
    palette = palettes.load(write(tmp_path / "p.toml", TOML))
    assert palette.classes.names == ("open beam", "flesh", "bone", "contrast agent")
    assert palette.classes.colours[2] == ("#ffff00", "#ff0000")
    assert palette.ids.tolist() == [0, 1, 2, 2, 3]
    assert palette.colours.tolist()[3] == [255, 0, 0]
    shuffled = (
        '[[class]]\nid=1\nname="b"\ncolour=[9,9,9]\n[[class]]\nid=0\nname="a"\ncolour=[1,1,1]'
    )
    palette = palettes.load(write(tmp_path / "q.toml", shuffled))
    assert palette.classes.names == ("a", "b") and palette.colours[0, 0] == 1


def test_gimp_palettes_by_name_and_by_place(tmp_path):
    head = "GIMP Palette\nName: x\nColumns: 0\n# a note\n"
    sorted_otherwise = head + "253 231 36\tBone\n255 0 0\tcatheter\n68 1 84 Open_beam\n"
    palette = palettes.load(write(tmp_path / "a.gpl", sorted_otherwise + "33 144 140 soft tissue"))
    assert palette.classes.names == ("open beam", "soft tissue", "bone", "catheter")
    assert palette.colours[2:].tolist() == [[253, 231, 36], [255, 0, 0]]
    nameless = head + "1 2 3 Untitled\n4 5 6\n7 8 9 Untitled\n"
    assert palettes.load(write(tmp_path / "b.gpl", nameless)).ids.tolist() == [0, 1, 2]
    again = palettes.write_gpl(tmp_path / "c.gpl", palette)
    assert palettes.load(again).classes == palette.classes


def test_unlabelled_pixels_have_colours_and_no_id(tmp_path):
    text = TOML.replace('name = "flesh"', 'name = "Ignore"')
    palette = palettes.load(write(tmp_path / "p.toml", text))
    assert palette.classes.names == ("open beam", "bone", "contrast agent")
    assert palette.classes.ignored == ("#00ff00",)
    assert palette.ids.tolist() == [0, 1, 1, 2, 3]
    again = palettes.load(palettes.write_gpl(tmp_path / "p.gpl", palette))
    assert set(again.classes.entries) == {(0, "#000000"), (1, "#ff0000"), (1, "#ffff00")} | {
        (2, "#0000ff"),
        (255, "#00ff00"),
    }


def test_a_label_map_of_cvat_is_a_palette(tmp_path):
    text = "# label:color_rgb:parts:actions\nbackground:0,0,0::\nLung:1,2,3::\nBone:4,5,6:a,b:c\n"
    palette = palettes.load(write(tmp_path / "labelmap.txt", text))
    assert palette.classes.names == ("background", "Lung", "bone")
    assert palette.colours.tolist() == [[0, 0, 0], [1, 2, 3], [4, 5, 6]]
    again = palettes.load(palettes.write_gpl(tmp_path / "own.gpl", palette))
    assert again.classes == palette.classes, "names as they were written"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.toml", "class = 3", "defines no class"),
        ("a.toml", "[[class]", "not TOML"),
        ("a.toml", '[[class]]\ncolour = [1, 2, 3]', "class 0 is not understood"),
        ("a.toml", '[[class]]\nname = "a"\ncolour = [1, 2, 300]', "is no colour"),
        ("a.toml", '[[class]]\nname = "a"\ncolour = [true, 2, 3]', "is no colour"),
        ("a.toml", '[[class]]\nname = "a"\ncolours = 3', "is not understood"),
        ("a.toml", '[[class]]\nname = "a"\ncolour = [1, 2, 3]', "must be 2 to 20"),
        ("a.toml", TOML + '[[class]]\nname="x"\ncolour=[0,0,255]', "has #0000ff twice"),
        ("a.toml", TOML + '[[class]]\nname="Bone"\ncolour=[1,0,255]', "has bone twice"),
        ("a.toml", TOML + '[[class]]\nid=9\nname="x"\ncolour=[1,0,255]', "without gap or double"),
        ("a.toml", TOML + '[[class]]\nid=1\nname="x"\ncolour=[1,0,255]', "ids 0, 1, 1, 2, 3; they"),
        ("a.gpl", "no palette", "not a GIMP palette"),
        ("a.gpl", "GIMP Palette\nred green blue", "line 2: no colour"),
        ("a.gpl", "GIMP Palette\n" + "\n".join(f"1 2 {k} c{k}" for k in range(21)), "holds 21"),
        ("a.gpl", "GIMP Palette\n1 2 3 a\n1 2 3 b", "has #010203 twice"),
        ("a.toml", TOML + '[[class]]\nname="open_beam"\ncolour=[1,0,255]', "has open beam twice"),
        ("a.toml", TOML + '[[class]]\nname="x"\ncolours=[]', "a class without"),
        ("a.txt", "# label:color_rgb:parts:actions\nbone:1,2::", "line 2: no label"),
        ("a.gpl", "GIMP Palette\n1 2 3 a\n4 5 600 b", "is no colour"),
        ("a.pal", "", "nor a .toml, .gpl, .txt"),
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
