"""Which layers are the mask."""

import numpy as np
import pytest
from label_files import GREEN, PURPLE, YELLOW

from xnet_io.gimp_layers import Layer, Project, flatten
from xnet_io.palettes import PAPER
from xnet_tf.files import InputError


def layer(name, colour, alpha=255, size=(2, 3), left=0, top=0, **options):
    pixels = np.full((*size, 4), (*colour, alpha), dtype=np.uint8)
    shown = {"visible": True, "opacity": 1.0, "special": ("", "")} | options
    return Layer(name, left, top, pixels=lambda: pixels, **shown)


def flat(*layers):
    return flatten("p.xcf", Project(2, 3, list(layers)), PAPER)


RADIOGRAPH = layer("radiograph", (120, 120, 120))


def test_class_layers_win_over_others_and_the_topmost_over_lower_ones():
    canvas = flat(
        layer("Bone", YELLOW, size=(1, 1), left=1, top=1, opacity=0.3),
        layer("soft_tissue", GREEN, size=(2, 2), left=-1),
        RADIOGRAPH,
        layer("open beam", PURPLE),
    )
    assert canvas[..., 0].tolist() == [[33, 68, 68], [33, 253, 68]]
    assert (canvas[..., 3] == 255).all()


def test_one_labels_layer_wins_over_what_is_visible():
    assert (flat(RADIOGRAPH, layer("Labels", GREEN, opacity=0.4))[..., :3] == GREEN).all()


def test_otherwise_all_visible_layers_count():
    hidden = layer("notes", (255, 0, 0), visible=False)
    canvas = flat(hidden, layer("x", GREEN, size=(2, 1)), RADIOGRAPH)
    assert canvas[0].tolist() == [[*GREEN, 255], [120, 120, 120, 255], [120, 120, 120, 255]]


def test_partly_transparent_pixels_keep_their_alpha_and_clear_ones_show_what_is_below():
    canvas = flat(layer("a", YELLOW, 7, size=(2, 1)), layer("b", GREEN, 0), layer("c", PURPLE))
    assert canvas[0].tolist() == [[*YELLOW, 7], [*PURPLE, 255], [*PURPLE, 255]]


def test_what_no_layer_covers_is_transparent():
    assert flat(layer("labels", GREEN, size=(1, 1), left=9))[..., 3].max() == 0


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ([layer("bone", YELLOW), layer("labels", GREEN)], "and layers named after classes"),
        ([layer("labels", GREEN), layer("mask", GREEN)], "has 2 layers called"),
        ([layer("bone", YELLOW, visible=False)], "is hidden"),
        ([layer("labels", YELLOW, opacity=0.0)], "is hidden"),
        ([layer("a", YELLOW, opacity=0.5)], "opacity of 50 %"),
        ([layer("a", YELLOW, visible=False)], "has no visible layer"),
        ([], "has no visible layer"),
        ([layer("labels", YELLOW, special=("a mask", "apply it"))], "has a mask; apply it"),
        ([layer("bone", GREEN, size=(1, 1), left=2, top=1)], "first at (x, y) = (2, 1)"),
    ],
)
def test_ambiguous_projects_are_refused(layers, expected):
    with pytest.raises(InputError) as caught:
        flat(*layers)
    assert expected in str(caught.value)
