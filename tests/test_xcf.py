"""GIMP's files by their documented layout, all versions, and damaged ones."""

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from label_files import GIMP, MAP, Shape, message, prop, rgba, write, xcf_bytes

from xnet_io import xcf
from xnet_io.masks import read_mask
from xnet_tf import classes
from xnet_tf.files import InputError

LABELS = (
    np.random.default_rng(3).integers(0, 3, (9, 7)).astype(np.uint8).repeat(10, 0).repeat(11, 1)
)


def read_bytes(folder, content):
    return read_mask(write(folder / "m.xcf", content))


@pytest.mark.parametrize("compression", [0, 1, 2])
@pytest.mark.parametrize("version", [0, 3, 4, 5, 8, 10, 11, 12, 18, 20, 23])
def test_every_version_and_compression(tmp_path, version, compression):
    layers = [
        Shape("labels", classes.COLOURS[LABELS], opacity=0.5),
        Shape("radiograph", np.full((90, 77, 3), 99, np.uint8)),
    ]
    content = xcf_bytes(layers, LABELS.shape, version, compression)
    assert read_bytes(tmp_path, content).tolist() == LABELS.tolist()


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), height=st.integers(1, 140), width=st.integers(1, 140))
def test_runs_of_any_length(tmp_path_factory, seed, height, width):
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, rng.integers(2, 200), (height, width, 4)).astype(np.uint8)
    path = write(tmp_path_factory.mktemp("x") / "m.xcf", xcf_bytes([Shape("a", pixels)], (5, 5)))
    np.testing.assert_array_equal(xcf.read(path).layers[0].pixels(), pixels)


def test_indexed_with_and_without_alpha(tmp_path):
    index = np.array([2, 0, 1], np.uint8)[MAP]
    colours = classes.COLOURS[[1, 2, 0]]
    for pixels in (index[..., None], np.dstack([index, np.full_like(index, 255)])):
        content = xcf_bytes([Shape("a", pixels)], MAP.shape, base=2, colours=colours)
        assert read_bytes(tmp_path, content).tolist() == MAP.tolist()
    content = xcf_bytes([Shape("a", pixels)], MAP.shape, base=2, colours=colours[:2])
    path = write(tmp_path / "m.xcf", content)
    assert "outside its colour map at (x, y) = (0, 0)" in message(read_mask, path)


def test_groups_hand_down_visibility_opacity_and_mode(tmp_path):
    def group(**options):
        extra = prop(29, b"")
        blank = np.zeros((*MAP.shape, 4), np.uint8)
        return Shape("group", blank, extra=extra, **options)

    child = Shape("labels", rgba(MAP), extra=prop(30, struct.pack(">II", 1, 0)), opacity=0.5)
    other = Shape("notes", rgba(MAP))

    def only(**options):
        content = xcf_bytes([other, group(**options), child], MAP.shape)
        return xcf.read(write(tmp_path / "g.xcf", content)).layers[1]

    assert only(mode=61).special == ("", "")
    assert only(opacity=0.4).opacity == pytest.approx(0.2, abs=0.01)
    assert not only(visible=False).visible
    assert "blend mode 30" in only(mode=30).special[0]


def test_what_changes_a_layer_is_refused(tmp_path):
    def refused(version=23, precision=150, base=0, **options):
        shape = Shape("labels", rgba(MAP), **options)
        content = xcf_bytes([shape], MAP.shape, version, precision=precision, base=base)
        return message(read_mask, write(tmp_path / "m.xcf", content))

    assert "blend mode 3" in refused(mode=3)
    assert "layer mask" in refused(mask=77)
    assert "filters" in refused(filters=(50, 60))
    assert "floating selection" in refused(extra=prop(5, bytes(8)))
    assert "8-bit" in refused(precision=600)
    assert "greyscale project" in refused(base=1)


def test_numbers_in_the_file_are_not_trusted(tmp_path):
    good = xcf_bytes([Shape("labels", rgba(MAP))], MAP.shape, 11)

    def refused(content):
        path = write(tmp_path / "m.xcf", content)
        text = message(read_mask, path)
        return text

    def patched(place, form, *values):
        content = bytearray(good)
        struct.pack_into(form, content, place, *values)
        return bytes(content)

    assert "too large" in refused(patched(14, ">II", 2**31, 2**31))
    assert "0 x 2 pixels" in refused(patched(14, ">I", 0))
    assert "unknown kind 7" in refused(patched(22, ">I", 7))
    layer = struct.unpack_from(">Q", good, good.index(prop(0, b"")) + 8)[0]
    assert "is too large" in refused(patched(layer, ">I", 10**9))
    assert "too early" in refused(patched(layer + 12, ">I", 2**32 - 1))
    end = good.index(prop(0, b"")) + 8
    assert "too early" in refused(patched(end, ">Q", 2**63))
    assert "too early" in refused(good[:end] + struct.pack(">Q", layer) * 20)
    many = good[:end] + struct.pack(">Q", layer) * 1500 + bytes(16)
    assert "more than 1000 layers" in refused(many)
    assert "version is not a number" in refused(good[:9] + b"vXYZ\0" + good[14:])
    for cut in range(0, len(good), 7):
        with pytest.raises(InputError):
            read_mask(write(tmp_path / "m.xcf", good[:cut]))


def test_a_deflated_tile_cannot_grow(tmp_path):
    # A tile declared as 2 x 3 pixels that inflates to 100 MB.
    import zlib

    content = xcf_bytes([Shape("labels", rgba(MAP))], MAP.shape, 11, 2)
    tile = zlib.compress(rgba(MAP).tobytes())
    bomb = zlib.compress(rgba(MAP).tobytes() + bytes(100_000_000))
    path = write(tmp_path / "m.xcf", content.replace(tile, bomb))
    assert xcf.read(path).layers[0].pixels().shape == (2, 3, 4)


@pytest.mark.parametrize("compression", [0, 1, 2])
def test_tiles_that_overlap_are_refused(tmp_path, compression):
    # A layer of 100 tiles that all lie where a small file has its only one.
    tile = Shape("labels", rgba(np.tile(LABELS, (1, 2))[:64, :64]))
    content = bytearray(xcf_bytes([tile], (640, 640), 11, compression))
    layer = struct.unpack_from(">Q", content, content.index(prop(0, b"")) + 8)[0]
    hierarchy = content.index(struct.pack(">III", 64, 64, 4), layer)
    first = struct.unpack_from(">Q", content, hierarchy + 36)[0]
    struct.pack_into(">II", content, layer, 640, 640)
    struct.pack_into(">II", content, hierarchy, 640, 640)
    struct.pack_into(">Q", content, hierarchy + 12, len(content))
    content += struct.pack(">II", 640, 640) + struct.pack(">Q", first) * 100 + bytes(8)
    path = write(tmp_path / "m.xcf", bytes(content))
    assert "its tiles overlap" in message(read_mask, path)


def test_gimps_own_file_keeps_names_offsets_and_opacity():
    project = xcf.read(GIMP / "class-layers.xcf")
    assert [layer.name for layer in project.layers] == [
        "Bone", "soft_tissue", "open beam", "radiograph",
    ]  # fmt: skip
    bone = project.layers[0]
    assert bone.opacity == pytest.approx(0.8) and bone.visible
    assert (bone.left, bone.top) == (25, 19)
