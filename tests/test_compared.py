import compared_folders as made
import numpy as np
import pandas as pd
import pytest

from xnet_study.comparison import compared
from xnet_tf import classes, metrics
from xnet_tf.files import InputError


@pytest.fixture(scope="module")
def methods(compared_run):
    return {method.title: method for method in compared.read(compared_run / "comparison")}


def scores(methods, title):
    sums = methods[title].by_subject("test")
    return compared.scores({name: array.sum(axis=0) for name, array in sums.items()})


def test_seeds_are_one_method_and_variants_are_not(methods):
    assert len(methods["XNet"].runs) == 3
    assert set(methods) == {
        "XNet",
        "U-Net",
        "DeepLabV3+",
        "Otsu, overall",
        "Otsu, by part",
        "Otsu, oracle",
        "constant predictor",
    }
    assert [m.family for m in methods.values()].index("thresholding") >= 3, "networks come first"


def test_sums_give_the_scores_of_the_pooled_counts(methods):
    pooled = methods["XNet"].confusions("test").sum(axis=0)
    found = scores(methods, "XNet")
    for name in ("accuracy", "macro F1", "weighted F1", "balanced accuracy"):
        np.testing.assert_allclose(found[name], metrics.SUMMARY_SCORES[name](pooled))
    for name in ("precision", "recall", "F1", "IoU"):
        for k, of in enumerate(classes.NAMES):
            expected = metrics.CLASS_SCORES[name](pooled)[:, k]
            np.testing.assert_allclose(found[f"{name} {of}"], expected)


def test_subjects_are_weighted_by_how_often_they_are_drawn(methods):
    sums = methods["XNet"].by_subject("test")
    times = np.zeros((2, 20))
    times[0], times[1, 3] = 1, 2
    whole, one = compared.scores(compared.weighted(sums, times))["accuracy"]
    np.testing.assert_allclose(whole, scores(methods, "XNet")["accuracy"])
    np.testing.assert_allclose(one, metrics.accuracy(sums["confusion"][3]))


def test_scores_of_images_are_averaged_over_images(methods):
    counts = methods["Otsu, overall"].confusions("test")[:, 0]
    expected = metrics.macro(metrics.macro_f1(counts).T)
    assert scores(methods, "Otsu, overall")["macro F1 per image"] == pytest.approx(expected)


def test_surface_scores_leave_out_what_is_not_defined(methods):
    found = scores(methods, "Otsu, overall")
    for name, expected in (("NSD1", 0.8), ("NSD2", 0.9), ("HD95", 4)):
        assert found[name] == pytest.approx(expected)
        for of in classes.NAMES:
            assert found[f"{name} {of}"] == pytest.approx(expected)
    # The first subject has two images; of bone only one is defined.
    sums = methods["Otsu, overall"].by_subject("test")
    alone = compared.scores(compared.weighted(sums, np.eye(20)[:1]))
    assert alone["NSD1 bone"] == pytest.approx(0.8)


def test_areas_follow_from_the_levels(methods):
    # Negatives at 0 and 1, positives at 1 and 2: of four pairs one is tied, and three are right.
    np.testing.assert_allclose(scores(methods, "XNet")["AUC bone"], [3.5 / 4] * 3)
    otsu = scores(methods, "Otsu, overall")
    assert np.isnan(otsu["AUC"]).all(), "labels alone have no curve"


def test_an_unfinished_run_is_left_out(tmp_path):
    made.write(tmp_path, "XNet", "seed 1")
    (made.write(tmp_path, "XNet", "seed 2") / "record.json").unlink()
    (method,) = compared.read(tmp_path / "comparison")
    assert len(method.runs) == 1
    with pytest.raises(InputError, match="holds no finished run"):
        compared.read(tmp_path)


def test_folds_are_not_scored_with_the_split(tmp_path):
    made.write(tmp_path, "XNet", "seed 1")
    made.write(tmp_path, "XNet", "seed 2", fold={"kind": "group", "name": "head"})
    (method,) = compared.read(tmp_path / "comparison")
    assert len(method.runs) == 1
    assert len(compared.read_runs(tmp_path / "comparison")) == 2


def test_subjects_may_have_any_name(tmp_path):
    for method in ("XNet", "U-Net"):
        path = made.write(tmp_path, method, "seed 1") / "counts.csv"
        table = pd.read_csv(path)
        table.loc[table["subject"] == "test-00", ["subject", "body_part"]] = "NA"
        table.loc[table["subject"] == "test-01", "subject"] = "null"
        table.to_csv(path, index=False)
    method, _ = compared.read(tmp_path / "comparison")
    assert {"NA", "null"} < set(method.subjects("test"))
    assert "NA" in set(method.images("test")["body_part"])
    assert np.isfinite(method.by_subject("test")["confusion"]).all()


def test_other_images_are_refused(tmp_path):
    made.write(tmp_path, "XNet", "seed 1")
    path = made.write(tmp_path, "U-Net", "seed 1") / "counts.csv"
    pd.read_csv(path).iloc[1:].to_csv(path, index=False)
    with pytest.raises(InputError, match=r"other test images, or sizes of them, than"):
        compared.read(tmp_path / "comparison")


def test_other_sizes_are_refused(tmp_path):
    made.write(tmp_path, "XNet", "seed 1")
    path = made.write(tmp_path, "U-Net", "seed 1") / "counts.csv"
    table = pd.read_csv(path)
    table.loc[3, "bone as bone"] += 10
    table.to_csv(path, index=False)
    with pytest.raises(InputError, match=r"or sizes of them, than .*`compare` renews the older"):
        compared.read(tmp_path / "comparison")


def test_surfaces_and_scores_that_do_not_fit_are_refused(tmp_path):
    folder = made.write(tmp_path, "XNet", "seed 1")
    (method,) = compared.read(tmp_path / "comparison")
    np.savez(folder / "scores.npz", test=np.zeros((3, 3, 2, 256)))
    with pytest.raises(InputError, match=r"scores.npz: does not fit"):
        method.by_subject("test")
    pd.read_csv(folder / "surfaces.csv").iloc[3:].to_csv(folder / "surfaces.csv", index=False)
    with pytest.raises(InputError, match=r"surfaces.csv: lacks images of test"):
        method.by_subject("test")
