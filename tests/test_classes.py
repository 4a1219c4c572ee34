"""The paper's classes, and a data set's own."""

import numpy as np
import pandas as pd
import pytest

from xnet_tf import classes, thresholds
from xnet_tf.classes import PAPER, Classes
from xnet_tf.dataset import read_classes
from xnet_tf.files import InputError

OWN = Classes(("lung", "heart"), (("#000001", "#000002"), ("#ff0000",)), ("#ffffff",))


def test_ids_names_and_colours_belong_together():
    assert (classes.OPEN_BEAM, classes.SOFT_TISSUE, classes.BONE) == (0, 1, 2)
    assert classes.NAMES == ("open beam", "soft tissue", "bone")
    assert classes.COUNT == 3
    assert classes.COLOURS.dtype == np.uint8
    assert classes.COLOURS[classes.BONE].tolist() == [253, 231, 36]  # yellow
    assert len({tuple(colour) for colour in classes.COLOURS.tolist()}) == classes.COUNT


def test_a_table_holds_them(tmp_path):
    pd.DataFrame(OWN.rows).to_csv(tmp_path / "classes.csv", index=False)
    text = "id,name,colours\n0,lung,#000001 #000002\n1,heart,#ff0000\n,ignore,#ffffff\n"
    assert (tmp_path / "classes.csv").read_text() == text
    assert read_classes(tmp_path / "classes.csv") == OWN
    assert read_classes(tmp_path / "none.csv") == PAPER


def test_spellings_are_one(tmp_path):
    """Ids in any order, two rows of unlabelled pixels, capitals in colours."""
    rows = "1,Heart wall,#FF0000\n,Ignore,#fff000\n0,Open_beam,#000001\n,ignore,#FFFFFF\n"
    (tmp_path / "classes.csv").write_text("id,name,colours\n" + rows)
    known = read_classes(tmp_path / "classes.csv")
    assert known.names == ("open beam", "Heart wall") and known.has_open_beam
    assert known.colours[1] == ("#ff0000",) and known.ignored == ("#fff000", "#ffffff")


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("0,a,#000000\n2,b,#000001", "has the ids 0, 2; they must run from 0 without gap"),
        ("0,a,#000000\n0,b,#000001", "has the ids 0, 0; they must run from 0 without gap"),
        ("0,a,#000000\n1,A,#000001", "has a twice; give each class its own"),
        ("0,a,#000000\n1,b,#000001 #000000", "has #000000 twice; give each class its own"),
        ("0,a,#000000\n1,b,red", "red is no colour; write #rrggbb"),
        ("0,a,#000000\n1,b,", "has a class without name or colour; give it both"),
        ("x,a,#000000\n1,b,#000001", "has the ids 1, x; they must run from 0 without gap"),
        ("0,a,#000000\n1,Border,#000001", "has a class border, which has another meaning"),
        ("0,a,#000000", "holds 1 classes; there must be 2 to 20"),
        ("0,a,#000000\n1,open beam,#000001", "has open beam in another place; it must have"),
        ("\n".join(f"{k},c{k},#0000{k:02x}" for k in range(21)), "holds 21 classes"),
        ("0,a", "its columns are id,name,colours"),
    ],
)
def test_what_are_no_classes_is_refused_in_one_line(tmp_path, rows, expected):
    path = tmp_path / "classes.csv"
    path.write_text(("id,name\n" if rows == "0,a" else "id,name,colours\n") + rows + "\n")
    with pytest.raises(InputError) as caught:
        read_classes(path)
    assert expected in str(caught.value) and str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_label_maps_are_painted_and_read_by_colour():
    labels = np.array([[0, 1, 255]])
    painted = OWN.colour(labels)
    assert painted.tolist() == [[[0, 0, 1], [255, 0, 0], [255, 255, 255]]]
    assert OWN.look_up(painted).tolist() == labels.tolist()
    painted[0, 0] = 0, 0, 2
    assert OWN.look_up(painted).tolist() == labels.tolist()
    for wrong in (2, 254):
        with pytest.raises(ValueError, match=f"class ids are 0 to 1, not {wrong}"):
            OWN.checked(np.array([[wrong]]))
    with pytest.raises(ValueError, match="not 255"):
        PAPER.checked(labels)
    assert OWN.find("Heart") == 1
    with pytest.raises(ValueError, match="no class is called 'bone'; choose one of lung, heart"):
        OWN.find("bone")


@pytest.mark.parametrize("count", [2, 3, 5])
def test_the_likeliest_other_class(count):
    probabilities = np.random.default_rng(1).dirichlet(np.ones(count), 50)
    for guarded in range(count):
        hidden = probabilities.copy()
        hidden[:, guarded] = -1
        others = thresholds.likeliest_other(probabilities, guarded)
        np.testing.assert_array_equal(others, hidden.argmax(axis=1))


def test_what_is_no_picture_of_colours_or_ids_is_refused():
    own = Classes(("a", "b"), (("#000000",), ("#ffffff",)))
    with pytest.raises(ValueError, match="colours of no class"):
        own.look_up(np.zeros((1, 2, 1), np.uint8))
    assert own.checked([[0, 1]]).dtype == np.uint8
    for wrong in ([0, 1], [[0.0, 1.0]], [[-1, 0]]):
        with pytest.raises(ValueError, match=r"label map|class ids"):
            own.checked(wrong)


def test_only_a_first_class_of_that_name_is_open_beam():
    assert PAPER.has_open_beam is True and OWN.has_open_beam is False
    spelled = Classes(("Open_Beam", "b"), (("#000000",), ("#ffffff",)))
    assert spelled.has_open_beam is True
