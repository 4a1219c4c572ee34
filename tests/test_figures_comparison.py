import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from xnet_study.comparison import conclusions
from xnet_study.figures import comparison_figures
from xnet_tf import classes
from xnet_tf.files import write_json


@pytest.fixture(scope="module")
def results(compared_ledger):
    return compared_ledger.folder.parent


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.mark.parametrize("name", [n for n in comparison_figures.FIGURES if n != "error-maps"])
def test_every_figure_is_signed(name, results):
    text = comparison_figures.FIGURES[name](results).get_supxlabel()
    assert text.startswith("data 00000000; test 22 images of 20 subjects, evaluation 60 images")
    assert "width 16" in text


def test_networks_and_the_best_others_have_a_line_and_the_paper_a_star(results):
    figure = comparison_figures.methods(results)
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names[0] == "DeepLabV3+" and names[-2:] == ["Otsu, overall", "constant predictor"]
    assert len(names) == 5, "neither the bound nor tuning by part"
    assert len(figure.axes) == 2, "test and population"
    stars = [x for x in figure.axes[0].get_lines() if x.get_marker() == "*"]
    assert {x.get_xdata()[0] for x in stars} == {0.92}


def test_nine_rows_are_shown_best_first_those_tuned_by_the_validation_images():
    judged = pd.DataFrame(
        {
            "title": [f"m{k}" for k in range(14)],
            "family": ["region"] * 6 + ["network"] * 6 + ["constant", "region"],
            "variant": ["overall"] * 3 + ["oracle"] * 3 + [""] * 7 + ["overall"],
        }
    )
    order = {"evaluation": judged, "validation": judged.iloc[::-1]}
    table = pd.concat([rows.assign(subset=subset) for subset, rows in order.items()])
    table = table.reset_index(drop=True)
    shown = comparison_figures._shown(table, "evaluation")
    assert shown == [f"m{k}" for k in (2, *range(6, 14))]


def test_dots_are_the_tables_values(results):
    figure = comparison_figures.methods(results)
    table = conclusions.load(results, "table3").query("subset == 'evaluation'")
    table = table[~table["variant"].isin(("oracle", "by part"))]
    drawn = {x.get_xdata()[0] for x in figure.axes[1].get_lines() if x.get_marker() == "o"}
    assert drawn == set(table["macro F1"])


def test_parts_show_xnet_the_best_network_and_the_best_other_without_the_bound(results):
    figure = comparison_figures.parts(results)
    legend = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert legend == ["XNet", "DeepLabV3+", "Otsu, by part"]
    labels = {label.get_text() for label in figure.axes[0].get_yticklabels()}
    assert labels == {"hand (20)", "knee (20)", "thorax (20)"}


def test_confusion_matrices_have_rows_of_one(results):
    figure = comparison_figures.confusion_matrices(results)
    titles = [axis.get_title() for axis in figure.axes]
    assert titles[:2] == ["authors' poster", "XNet"]
    for axis in figure.axes:
        np.testing.assert_allclose(axis.images[0].get_array().sum(axis=1), 1, atol=0.011)


def drawn_at(figure, axis=0):
    """The values of all dots with error bars, by their label."""
    containers = figure.axes[axis].containers
    return {bar.get_label(): bar.lines[0] for bar in containers if bar.get_label() != "_nolegend_"}


def test_scores_are_drawn_by_number_of_images(results):
    figure = comparison_figures.numbers_of_images(results)
    table = conclusions.load(results, "table3-images").query("score == 'macro F1'")
    lines = drawn_at(figure)
    assert set(lines) == {"XNet", "U-Net", "DeepLabV3+", "best classical (Otsu)"}
    for name, line in lines.items():
        rows = table[table["method"] == name]
        np.testing.assert_array_equal(line.get_ydata(), rows["value"])
        np.testing.assert_allclose(line.get_xdata().astype(float), rows["images"], rtol=0.05)
    assert figure.axes[0].get_xscale() == "log"


def test_scores_are_drawn_by_budget_and_by_processor_time(results):
    figure = comparison_figures.budgets(results)
    table = conclusions.load(results, "table3-budgets").query("score == 'macro F1'")
    for axis, column in enumerate(("budget", "core_seconds")):
        rows = table[table["method"] == "XNet"]
        line = drawn_at(figure, axis)["XNet"]
        np.testing.assert_array_equal(line.get_xydata(), rows[[column, "value"]])


def test_unseen_parts_are_set_beside_the_same_when_seen(results):
    figure = comparison_figures.unseen_parts(results)
    table = conclusions.load(results, "table3-unseen")
    rows = table.query("method == 'XNet' and score == 'macro F1'")
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels[::-1] == [f"{r.group} ({r.images})" for r in rows.itertuples()]
    lines = figure.axes[0].get_lines()
    seen = next(x for x in lines if x.get_label() == "XNet, trained on them")
    assert sorted(seen.get_xdata()) == sorted(rows["seen"])
    assert sorted(drawn_at(figure)["XNet, without them"].get_xdata()) == sorted(rows["value"])


def test_networks_pictures_show_what_is_wrong(results):
    """All is called flesh, which is a third of the picture."""
    figure = comparison_figures.pictures(results)
    titles = [axis.get_title() for axis in figure.axes]
    assert titles == ["truth", "XNet", "DeepLabV3+", "U-Net"]
    assert {axis.get_xlabel() for axis in figure.axes[1:]} == {"67% wrong"}
    shown = figure.axes[1].images[0].get_array()
    np.testing.assert_array_equal(shown[:, [0, 2]], np.full((4, 2, 3), classes.COLOURS[1]))
    np.testing.assert_array_equal(shown[:, 1], 255)


def test_error_maps_colour_what_is_wrong_and_put_the_worst_first(tmp_path):
    truth = np.array([[0, 1], [1, 2]], np.uint8)
    for stem, predicted in (("good", truth), ("bad", np.array([[0, 2], [1, 1]], np.uint8))):
        kinds = {"truth": truth, "xnet": predicted, "multi-otsu": truth}
        for kind, labels in kinds.items():
            labels_file = tmp_path / "gallery" / f"{stem}-{kind}.png"
            labels_file.parent.mkdir(exist_ok=True)
            Image.fromarray(labels).save(labels_file)
        Image.fromarray(np.full((2, 2), 255, np.uint8)).save(
            tmp_path / "gallery" / f"{stem}-image.png"
        )
    content = {"weights_sha256": "a" * 64, "data_sha256": "b" * 64, "simulated": True}
    write_json(tmp_path / "run.json", content)
    figure = comparison_figures.error_maps(tmp_path)
    titles = [axis.get_title() for axis in figure.axes if axis.get_title()]
    assert titles[:2] == ["bad", "XNet: 50% wrong"], "worst first"
    shown = figure.axes[1].images[0].get_array()
    np.testing.assert_array_equal(shown[0, 1], classes.COLOURS[classes.BONE])
    np.testing.assert_array_equal(shown[1, 1], classes.COLOURS[classes.SOFT_TISSUE])
    np.testing.assert_array_equal(shown[0, 0], [255, 255, 255])
    assert "(simulated)" in figure.get_supxlabel()


def test_error_maps_need_pictures(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no pictures"):
        comparison_figures.error_maps(tmp_path)
