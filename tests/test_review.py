"""Pages to look masks through, and the pictures on them."""

from html.parser import HTMLParser

import numpy as np
import pytest
import segment_fakes as fakes
from PIL import Image

from xnet_io import overlay, review, segment_runs, segment_table
from xnet_tf import classes
from xnet_tf.classes import Classes


def row(file, confidence=0.9, warnings="", error=""):
    columns = dict.fromkeys(segment_table.columns(classes.NAMES), "")
    shares = {f"{name} (%)": "33.3" for name in classes.NAMES}
    given = {"network confidence": str(confidence), "sure of polarity (%)": "99", **shares}
    mask = "" if error else f"{file}_mask.png"
    return {**columns, **given, "file": file, "mask": mask, "warnings": warnings, "error": error}


class Page(HTMLParser):
    """Headings of masks, links and alternative texts of a page."""

    def __init__(self, path):
        super().__init__()
        self.titles, self.links, self.alts, self.tag = [], [], [], ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        found, self.tag = dict(attributes), tag
        self.links += [found["href"]] if tag == "a" else []
        self.alts += [found["alt"]] if tag == "img" else []

    def handle_data(self, data):
        self.titles += [data] if self.tag == "h3" else []
        self.tag = ""


def test_warnings_come_first_then_little_confidence(tmp_path):
    rows = [row("sure"), row("unsure", 0.6), row("warned", 0.95, "odd"), row("bad", error="no")]
    page = Page(review.write(tmp_path, rows))
    assert page.titles == ["warned", "unsure", "sure"]
    assert "<b>bad</b>: no" in (tmp_path / "review.html").read_text()


def test_many_masks_are_divided_into_pages_and_no_old_page_stays(tmp_path):
    rows = [row(f"p{number:04d}") for number in range(950)]
    review.write(tmp_path, rows)
    assert len(list(tmp_path.glob("review*.html"))) == 10
    page = Page(tmp_path / "review-5.html")
    assert len(page.titles) == 100 and page.titles[0] == "p0400"
    turned = {link for link in page.links if link.startswith("review")}
    assert turned == {"review.html", *(f"review-{k}.html" for k in (3, 4, 5, 6, 7, 10))}
    review.write(tmp_path, rows[:150])
    assert len(list(tmp_path.glob("review*.html"))) == 2


@pytest.mark.parametrize("name", ["<b>&'\".png", "ä #%?.png", "\udcff.png"])
def test_odd_names_are_shown_and_linked(tmp_path, name):
    (path,) = fakes.write_pictures(tmp_path / "in", 1)
    path.rename(tmp_path / "in" / name)
    segment_runs.run([tmp_path / "in"], tmp_path / "out", fakes.method("overlay"))
    page = Page(tmp_path / "out" / "review.html")
    (link,), (alt,) = page.links, page.alts
    assert "/" not in link and link.endswith("_overlay.png") and "soft tissue" in alt
    assert "<b>&" not in (tmp_path / "out" / "review.html").read_text()


def test_outlines_lie_inside_their_regions_and_not_along_the_edge():
    labels = np.zeros((420, 420), np.uint8)
    labels[:, 100:300] = classes.SOFT_TISSUE
    labels[150:250, 150:250] = classes.BONE
    drawn = overlay.outlined(np.full((420, 420, 1), 0.25, np.float32), labels, 420)
    soft, bone = (
        (drawn == classes.COLOURS[k]).all(axis=-1) for k in (classes.SOFT_TISSUE, classes.BONE)
    )
    assert soft[200, 100] and not soft[200, 99] and bone[200, 150] and soft[200, 149]
    assert not soft[0, 200] and not (soft & (labels != classes.SOFT_TISSUE)).any()
    assert (drawn[200, 20] == round(255 * 0.5)).all(), "the square root of 0.25"


@pytest.mark.parametrize(
    ("names", "around"),
    [(("lung", "heart"), None), (("Open_beam", "heart"), 0), (("lung", "background"), 1)],
)
def test_only_what_lies_around_by_its_name_is_not_outlined(names, around):
    own = Classes(names, (("#ff0000",), ("#0000ff",)))
    labels = np.zeros((420, 420), np.uint8)
    labels[:, 210:] = 1
    drawn = overlay.outlined(np.full((420, 420, 1), 0.25, np.float32), labels, 420, own)
    for class_id, column in ((0, 209), (1, 210)):
        outlined = drawn[200, column].tolist() == own.palette[class_id].tolist()
        tinted = len(set(drawn[200, 40 + 330 * class_id])) > 1
        assert outlined == tinted == (class_id != around)


@pytest.mark.parametrize("shape", [(600, 500), (3, 4000), (4000, 3)])
def test_overlays_have_a_size_that_can_be_read(tmp_path, shape):
    labels = np.ones(shape, np.uint8)
    overlay.write(tmp_path / "o.png", np.zeros((*shape, 1), np.float32), labels)
    with Image.open(tmp_path / "o.png") as picture:
        assert overlay.LONGER_SIDE <= max(picture.size) < 1.5 * overlay.LONGER_SIDE
        assert min(picture.size) > 60
