import xml.etree.ElementTree as ElementTree

import pytest

import xnet_tf
from xnet_study.baselines import networks
from xnet_study.teaching import inspection

TABLE_SKIPS = [(3, 6), (2, 7), (9, 12), (8, 13), (1, 14)]


@pytest.fixture(scope="module")
def slim():
    return xnet_tf.build_xnet((200, 200, 1), filters=(1, 2, 3, 4))


def test_skips_are_the_papers(slim):
    assert [(a + 1, b + 1) for a, b in inspection.skips(slim)] == TABLE_SKIPS


def test_drawing_is_svg_with_a_box_for_each_convolution(slim):
    root = ElementTree.fromstring(inspection.network_svg(slim))
    tags = [element.tag.split("}")[1] for element in root.iter()]
    assert tags.count("rect") == 15 + 5 + 1  # and the ground
    assert tags.count("line") == 14 + 5 + 4
    words = [element.text for element in root.iter() if element.tag.endswith("text")]
    assert {"conv1", "conv14", "logits", "200 px", "25 px", "2x2 max pooling"} <= set(words)


# 3x3 at step s adds 2s, a pooling half its step: 3, +1+4, +2+8, +4+16, +16, +8, ...
@pytest.mark.parametrize(("stage", "rows"), [("conv1", 3), ("conv3", 18), ("conv5", 54)])
def test_receptive_field_follows_the_rule(slim, stage, rows):
    assert inspection.receptive_field(slim, stage) == rows


def test_a_unet_and_a_segnet_are_drawn_by_the_same_function():
    unet = networks.build(networks.unet, (64, 64, 1), filters=(1, 2, 3, 4))
    names = [row["stage"] for row in inspection.stages(unet)]
    copied = [(names[a], names[b]) for a, b in inspection.skips(unet)]
    assert copied == [("conv3b", "up5"), ("conv2b", "up6"), ("conv1b", "up7")]
    assert "up5" in inspection.network_svg(unet)

    segnet = networks.build(networks.segnet, (64, 64, 1), filters=(1, 2, 3, 4))
    names = [row["stage"] for row in inspection.stages(segnet)]
    handed = [(names[a], names[b]) for a, b in inspection.maxima_places(segnet)]
    assert handed == [("conv3c", "conv6a"), ("conv2b", "conv7a"), ("conv1b", "conv8a")]
    assert inspection.skips(segnet) == []
    assert "places of the maxima" in inspection.network_svg(segnet)


def test_stage_outputs_are_the_fourteen_blocks(slim):
    sizes = [shape[1] for shape in inspection.stage_outputs(slim).output_shape]
    assert sizes == [200, 100, 50, 25, 25, 50, 100, 100, 50, 25, 25, 50, 100, 200]


def test_l2_terms_add_up_to_the_models(slim):
    terms = inspection.l2_terms(slim)
    assert len(terms) == 15
    assert sum(terms.values()) == pytest.approx(sum(float(loss) for loss in slim.losses))
