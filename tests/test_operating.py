import numpy as np
import pytest
from PIL import Image
from test_cli import picture, segment, weights  # noqa: F401

from xnet_study.certainty import operating
from xnet_study.certainty.operating import Point
from xnet_study.processing import Processing
from xnet_tf.files import InputError, read_json, write_json

POINTS = [
    Point(0.05, False, 0.8, 63, "calibration", 600, 0.05, {"mean_fdr": 0.03}, "auto"),
    Point(0.05, True, 0.7, 63, "calibration", 600, 0.05, {}, "auto"),
    Point(0.05, True, 0.7, 63, "calibration", 600, 0.05, {}, "given"),
    Point(0.005, False, None, 614, "calibration", 600, 0.05, {}, "auto"),
]


@pytest.fixture
def pointed(weights, tmp_path):  # noqa: F811
    """Weights with operating points beside them."""
    folder = tmp_path / "weights"
    folder.mkdir()
    for path in (weights, weights.with_suffix(".json")):
        (folder / f"xnet{path.suffix}").write_bytes(path.read_bytes())
    record = read_json(folder / "xnet.json")
    made = {"weights_sha256": record["sha256"], "working_size": 200, "sets": {}}
    made |= {"simulated": True, "guarded": "soft tissue", "versions": {}}
    operating.write(folder / "xnet.npz", POINTS, Processing(0, 3, 50), made)
    return folder / "xnet.npz"


def test_a_certified_wish_gives_its_threshold_and_its_record(pointed, picture, tmp_path):  # noqa: F811
    assert segment(pointed, tmp_path / "out", picture, "--target-fdr", "0.05") == 0
    record = read_json(tmp_path / "out" / "bars_mask.json")
    assert record["threshold"] == 0.8
    assert record["operating_point"]["reached"] == {"mean_fdr": 0.03}
    assert "simulated bodies, not patients" in record["promise"]
    assert record["polarity_given"] is False and 0.5 <= record["polarity_certainty"] <= 1
    words = ("--threshold", "0.8", "--quality", "normal")
    assert segment(pointed, tmp_path / "t", picture, *words) == 0
    masks = [np.asarray(Image.open(tmp_path / k / "bars_mask.png")) for k in ("out", "t")]
    np.testing.assert_array_equal(*masks)
    assert read_json(tmp_path / "t" / "bars_mask.json")["promise"] is None


def test_post_processing_has_operating_points_of_its_own(pointed, picture, tmp_path):  # noqa: F811
    words = ("--target-fdr", "0.05", "--post-process")
    assert segment(pointed, tmp_path / "out", picture, *words) == 0
    record = read_json(tmp_path / "out" / "bars_mask.json")
    assert record["threshold"] == 0.7
    assert record["processing"] == {"opening": 0, "dilation": 3, "island": 50}


def test_wishes_combine_over_a_folder(pointed, picture, tmp_path):  # noqa: F811
    (tmp_path / "in" / "sub").mkdir(parents=True)
    picture.rename(tmp_path / "in" / "sub" / "bars.png")
    words = ("--target-fdr", "0.05", "--post-process", "--polarity", "bright")
    extras = ("--gimp", "--overlay", "--probabilities")
    assert segment(pointed, tmp_path / "out", tmp_path / "in", *words, *extras) == 0
    made = {path.relative_to(tmp_path / "out").as_posix() for path in tmp_path.glob("out/**/*.*")}
    ends = ("mask.json", "mask.png", "mask.xcf", "overlay.png", "probabilities.npz")
    beside = {f"sub/bars_{end}" for end in ends} | {"review/sub/bars_mask.jpg"}
    assert made - {".xnet-segment.lock"} == beside | {"review.html", "segment.csv"}
    record = read_json(tmp_path / "out" / "sub" / "bars_mask.json")
    assert record["polarity_given"] is True and record["threshold"] == 0.7


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--target-fdr", "0.005"],
            "at least 614 are needed, if none of them errs; certified: 0.05",
        ),
        (["--target-fdr", "0.03"], "was not tried; certified: 0.05"),
        (["--target-fdr", "0.05", "--threshold", "0.5"], "not both"),
        (["--guard", "bone"], "give --threshold or --target-fdr with it"),
        (["--target-fdr", "0.05", "--quality", "high"], "certified for --quality normal alone"),
    ],
)
def test_what_was_not_certified_is_refused(words, message, pointed, picture, tmp_path, capfd):  # noqa: F811
    assert segment(pointed, tmp_path / "out", picture, *words) == 2
    error = capfd.readouterr().err
    assert error.count("\n") == 1 and message in error
    assert not (tmp_path / "out").exists()


def test_points_of_other_weights_and_no_points_are_refused(pointed, weights):  # noqa: F811
    with pytest.raises(InputError, match="no certified operating points"):
        operating.read(weights)
    record = read_json(pointed.with_suffix(".json"))
    write_json(pointed.with_suffix(".json"), {**record, "sha256": "other"})
    with pytest.raises(InputError, match="other weights"):
        operating.read(pointed)


def test_points_of_another_working_size_are_refused(pointed):
    path = operating.path_for(pointed)
    write_json(path, {**read_json(path), "working_size": 64})
    with pytest.raises(InputError, match="certified at 64 pixels, not at 200"):
        operating.decision(pointed, target_fdr=0.05)


def test_no_options_leave_no_record(pointed, picture, tmp_path):  # noqa: F811
    assert segment(pointed, tmp_path / "out", picture) == 0
    assert [p.name for p in (tmp_path / "out").glob("bars*")] == ["bars_mask.png"]


def test_without_a_population_nothing_is_certified_and_the_message_says_how(pointed):
    with pytest.raises(InputError, match="make population"):
        operating.certified([], 0.2, processed=False)
