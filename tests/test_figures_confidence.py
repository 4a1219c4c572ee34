import matplotlib.pyplot as plt
import pytest

from xnet_study.figures import confidence_figures
from xnet_tf.files import write_json

HELD = {"images": 22, "subjects": 20, "data_sha256": "abcdef0123456789"}


def record(folder, *sets):
    content = {"weights_sha256": "0123456789", "simulated": True, "sets": dict.fromkeys(sets, HELD)}
    write_json(folder / "confidence.json", content)
    return folder


@pytest.mark.parametrize(
    ("sets", "expected"),
    [(("validation", "test"), "test"), (("test", "calibration", "evaluation"), "evaluation")],
)
def test_figures_judge_on_the_largest_set_that_chose_nothing(sets, expected, tmp_path):
    assert confidence_figures.judged(record(tmp_path, *sets)) == expected


def test_figures_are_signed_with_weights_and_images(tmp_path):
    figure = confidence_figures.sign(plt.figure(), record(tmp_path, "test"), "test")
    text = figure.get_supxlabel()
    assert text == "weights 01234567; simulated; test 22 images of 20 subjects (abcdef01)"
    plt.close(figure)


def test_methods_are_told_apart_from_what_they_were_fitted_on():
    assert confidence_figures.kind("vector scaling (calibration)") == "vector scaling"
