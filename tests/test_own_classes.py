"""A data set with classes of its own, from painted masks to a mask in GIMP and back."""

import contextlib
import dataclasses
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from drawn_shapes import names, write

import xnet_tf
from xnet_io import engines, masks, onnx_graph, palettes, radiographs
from xnet_study import serving
from xnet_study.certainty import operating, promises
from xnet_study.own_classes import need_the_papers
from xnet_tf import cli, dataset, evaluation, metrics, profiles, training, transforms
from xnet_tf.appearance import Collimate, Frame, Texture
from xnet_tf.backend import tf
from xnet_tf.classes import IGNORE, PAPER
from xnet_tf.files import InputError, read_json
from xnet_tf.profiles import Profile
from xnet_tf.weights import load_weights, read_classes, read_record

BRIEF = Profile(
    *("brief", 32, (4, 4, 4, 4)),
    augmentation="none",
    images_per_part=8,
    batch_size=4,
    epochs=1,
    optimizer="adam",
    learning_rate=5e-3,
)
RUN = ("--profile", "brief", "--data")


@dataclass(frozen=True)
class Own:
    """A data set of so many classes, its palette, and a network that was trained on it."""

    count: int
    folder: Path
    data: Path
    palette: Path

    @property
    def run(self):
        return self.folder / "runs" / "brief"

    @property
    def weights(self):
        return self.run / "weights" / "xnet.npz"

    @property
    def picture(self):
        return self.folder / "own" / "images" / "p00.png"


def xnet(*words):
    return cli.main([str(word) for word in words])


def imported(folder, count, images=9, **kwargs):
    """Return a data set of so many classes, as import makes it, and its palette's path."""
    palette = write(folder / "own", count, images, **kwargs)
    words = ("import-masks", folder / "own", "--out", folder / "data", "--palette", palette)
    assert xnet(*words) == 0
    return folder / "data", palette


@contextlib.contextmanager
def untraced():
    """Train without tracing, which takes longer than a few steps do."""
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="module", params=[2, 4, 12])
def own(request, tmp_path_factory):
    """Data sets that go through import, verify and training; each is trained on once."""
    folder = tmp_path_factory.mktemp(f"own-{request.param}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XNET_RUNS", str(folder / "runs"))
        patch.setitem(profiles.PROFILES, "brief", BRIEF)
        made = Own(request.param, folder, *imported(folder, request.param, ignored=0.1))
        assert xnet("verify", made.data) < 2
        with untraced():
            assert xnet("train", *RUN, made.data) == 0
        yield made


def test_the_data_sets_names_are_in_weights_palette_and_scores(own):
    known = dataset.load(own.data).classes
    assert known.names == names(own.count) and known.ignored == ("#ffffff",)
    assert read_classes(own.weights) == known
    assert xnet("palette", own.data, "--out", own.folder / "own.gpl") == 0
    assert palettes.load(own.folder / "own.gpl").classes == known
    assert xnet("evaluate", *RUN, own.data) == 0
    scores = pd.read_csv(own.run / "results" / "scores.csv")
    assert set(known.names) <= set(scores["class"]) and "multi-Otsu" not in set(scores["method"])
    assert xnet("figures", "--results", own.run / "results", "--out", own.folder) == 2


def test_segmented_corrected_in_gimp_and_imported_again(own, tmp_path, capsys):
    # At the median probability of disc, so that one half becomes disc and the other does not.
    image = radiographs.read(own.picture)
    median = np.median(serving.load(own.weights, "normal")(image)[..., 1])
    words = ("--weights", own.weights, "--quality", "normal", "--threshold", median)
    extras = ("--gimp", "--overlay", "--probabilities")
    out = tmp_path / "out"
    assert xnet("segment", own.picture, "--out", out, *words, "--guard", "Disc", *extras) == 0
    header = (out / "segment.csv").read_text().splitlines()[0]
    assert all(f"{name} (%)" in header for name in names(own.count))
    assert np.load(out / "p00_probabilities.npz")["classes"].tolist() == list(names(own.count))
    mask = masks.read_mask(out / "p00_mask.png", palettes.load(own.palette))
    assert mask.max() < own.count, "what has no label is never predicted"
    assert (mask == 1).mean() == pytest.approx(0.5, abs=0.01)
    for name, path in (("images", own.picture), ("masks", out / "p00_mask.xcf")):
        (tmp_path / "again" / name).mkdir(parents=True)
        shutil.copy(path, tmp_path / "again" / name)
    words_again = ("--out", tmp_path / "data", "--palette", own.data / "classes.csv")
    assert xnet("import-masks", tmp_path / "again", *words_again) == 0
    known = dataset.read_classes(tmp_path / "data" / "classes.csv")
    assert known == dataset.load(own.data).classes
    again = dataset.read_mask(tmp_path / "data" / "masks" / "p00_mask.png", known)
    np.testing.assert_array_equal(again, mask)
    capsys.readouterr()
    assert xnet("segment", own.picture, "--out", tmp_path / "no", *words) == 2
    assert "no class is called 'soft tissue'; choose one of ground" in capsys.readouterr().err


def test_a_rate_certified_for_a_named_class_is_what_segment_keeps(own, tmp_path, monkeypatch):
    """From training over confidence to masks: their errors are those of the certificate."""
    monkeypatch.setattr(operating, "OFFERED", (0.8, 0.01))
    monkeypatch.setattr(promises, "REPEATS", 20)
    monkeypatch.setattr(metrics, "RESAMPLES", 40)
    known = dataset.load(own.data).classes
    for seed, name in enumerate(("calibration", "evaluation"), start=5):
        # Every other picture has black margins, which are segmented, as open beam is no class.
        about = {"seed": seed, "frame": 6, "ignored": 0.1}
        data, _ = imported(tmp_path / name, own.count, 10, **about)
        shutil.move(data, tmp_path / "population" / name)
    words = (*RUN, own.data, "--population", tmp_path / "population")
    assert xnet("confidence", *words, "--guard", "GROUND") == 0
    results = own.run / "results"
    curves = pd.read_csv(results / "thresholds-curves.csv")
    assert set(curves["guarded"]) == set(known.names)
    assert not (results / "thresholds-tuning.csv").exists(), "the paper's post-processing"
    record = read_json(operating.path_for(own.weights))
    assert record["guarded"] == "ground" and not any(p["processed"] for p in record["points"])
    point = operating.certified(operating.read(own.weights).points, 0.8, False)
    folder, out = tmp_path / "population" / "evaluation", tmp_path / "out"
    wish = ("--out", out, "--weights", own.weights, "--target-fdr")
    assert xnet("segment", folder / "images", *wish, "0.8") == 0
    kept, framed = [], False
    for row in dataset.load(folder).manifest.itertuples():
        image, truth = dataset.read_pair(folder, row, known)
        (path,) = out.rglob(f"{Path(row.Index).stem}_mask.png")
        ground, labelled = masks.read_mask(path, palettes.load(own.palette)) == 0, truth != IGNORE
        called, right = (ground & labelled).sum(), (ground & (truth == 0)).sum()
        kept.append(((called - right) / max(called, 1), right / (truth == 0).sum(), called == 0))
        framed |= image[radiographs.load(folder / row.Index).exposed].size < image.size
        assert "discovery proportion of ground" in read_json(path.with_suffix(".json"))["promise"]
    assert framed, "else margins are not tested"
    reached = [point.reached[name] for name in ("mean_fdr", "mean_recall", "abstained")]
    np.testing.assert_allclose(np.mean(kept, axis=0), reached, atol=1e-12)
    assert xnet("segment", folder / "images", *wish, "0.01") == 2
    assert xnet("segment", folder / "images", *wish, "0.8", "--guard", "disc") == 2


def test_what_no_image_shows_cannot_be_guarded(own, capsys):
    data = dataset.load(own.data)
    rows = data.subset("validation").itertuples()
    shown = {k for r in rows for k in np.unique(dataset.read_pair(own.data, r, data.classes)[1])}
    hidden = [name for k, name in enumerate(data.classes.names) if k not in shown]
    if not hidden:
        assert own.count < 12, "six shapes a picture"
        pytest.skip("few classes are all shown")
    assert xnet("confidence", *RUN, own.data, "--guard", hidden[0]) == 2
    assert f"no image of validation has any {hidden[0]}; guard" in capsys.readouterr().err


def test_fine_tuning_goes_on_from_its_weights(own, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XNET_RUNS", str(tmp_path))
    with untraced():
        assert xnet("train", *RUN, own.data, "--init", own.weights) == 0
    assert "last layer" not in capsys.readouterr().out
    tuned = tmp_path / "brief" / "weights" / "xnet.npz"
    assert read_classes(tuned) == read_classes(own.weights)
    assert read_record(tuned)["initial_sha256"] == read_record(own.weights)["sha256"]


def test_the_onnx_file_has_its_classes(own, tmp_path):
    words = ["--weights", str(own.weights), "--out", str(tmp_path / "own.onnx"), "--float32"]
    onnx_graph.main(words)
    image = np.random.default_rng(1).uniform(-1, 1, (1, 32, 40, 1)).astype(np.float32)
    exported = engines.OnnxNetwork((tmp_path / "own.onnx").read_bytes())(image)
    assert exported.shape == (1, 32, 40, own.count)
    network = load_weights(own.weights)
    np.testing.assert_allclose(exported, network(image, training=False), atol=1e-5)


@pytest.fixture(scope="module")
def of_the_paper(tmp_path_factory):
    """Weights of a small network for the paper's classes."""
    architecture = {"filters": [4, 4, 4, 4], "kernel_size": 3, "num_classes": 3, "l2": 1e-4}
    network = xnet_tf.build_xnet((None, None, 1), **architecture)
    path = tmp_path_factory.mktemp("paper") / "paper.npz"
    return xnet_tf.save_weights(network, path, {"architecture": architecture})


def test_other_classes_keep_all_but_the_last_layer(of_the_paper, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XNET_RUNS", str(tmp_path / "runs"))
    monkeypatch.setitem(profiles.PROFILES, "brief", BRIEF)
    data, _ = imported(tmp_path, 4)
    known = dataset.load(data).classes
    network = training.build_model(BRIEF, 1, of_the_paper, known)
    with np.load(of_the_paper) as arrays:
        for variable in network.weights:
            if variable.path.startswith("logits"):
                assert variable.shape[-1] == 4
            else:
                np.testing.assert_array_equal(variable, arrays[variable.path])
    capsys.readouterr()
    with untraced():
        assert xnet("train", *RUN, data, "--init", of_the_paper) == 0
    said = capsys.readouterr().out
    assert "knows open beam, soft tissue, bone: all but its last layer is kept" in said
    weights = tmp_path / "runs" / "brief" / "weights" / "xnet.npz"
    assert read_classes(weights) == known
    for suffix in (".npz", ".json"):
        shutil.copy(of_the_paper.with_suffix(suffix), weights.with_suffix(suffix))
    for words in (("evaluate",), ("confidence", "--guard", "disc")):
        assert xnet(*words, *RUN, data) == 2
        line = capsys.readouterr().err
        assert "knows open beam, soft tissue, bone; but" in line and "has ground, disc" in line


def test_what_is_for_the_papers_classes_says_so(tmp_path):
    need_the_papers(PAPER.names, "this")
    own, _ = imported(tmp_path, 2, images=3)
    with pytest.raises(InputError, match="this is for open beam, soft tissue, bone alone, not"):
        need_the_papers(dataset.load(own).classes.names, "this")
    assert xnet("compare", "--data", own, "--list") == 2


def test_without_open_beam_no_transform_makes_any():
    images, labels = tf.fill((1, 32, 32, 1), 0.5), tf.ones((1, 32, 32), tf.uint8)
    seeds = tf.constant([[1, 1]], tf.int64)
    preset = [Collimate(0.5), Frame(0.5), Texture(0.5)]
    changed, beam = transforms.apply(images, labels, preset, seeds)
    assert (beam.numpy() == 0).any() and (changed.numpy() != 0.5).any()
    same, kept = transforms.apply(images, labels, preset, seeds, open_beam=False)
    np.testing.assert_array_equal(same, images)
    np.testing.assert_array_equal(kept, labels)


def test_a_fingerprint_knows_other_classes(data_folder):
    data = dataset.load(data_folder)
    other = dataclasses.replace(PAPER, names=("open beam", "flesh", "bone"))
    assert data.fingerprint() != dataclasses.replace(data, classes=other).fingerprint()


def trained_score(folder, count, profile, **kwargs):
    """Import, train and evaluate; return the macro F1 on test images, all of them labelled."""
    whole, _ = imported(folder / "whole", count, images=150)
    # The same pictures and the same split, judged on every pixel.
    data, _ = imported(folder / "part", count, images=150, **kwargs)
    assert dataset.load(data).split == dataset.load(whole).split
    trained = training.train(dataset.load(data), profile, folder / "run")
    predictions = evaluation.predict(trained.model, dataset.load(whole), "test", profile.image_size)
    table = evaluation.score_table(evaluation.confusion_table(predictions), predictions)
    return table.query("score == 'macro F1'")["value"].item()


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 4])
def test_two_minutes_of_training_tell_shapes_apart(tmp_path, count):
    profile = profiles.Profile(
        *("shapes", 64, (8, 16, 32, 64)),
        l2=1e-6,
        augmentation="none",
        images_per_part=420,
        batch_size=10,
        epochs=10,
        optimizer="adam",
        learning_rate=3e-3,
        schedule="cosine",
    )
    score = trained_score(tmp_path / "all", count, profile)
    print(f"{count} classes: macro F1 {score:.3f}")
    assert score > 0.9
    half = trained_score(tmp_path / "half", count, profile, ignored=0.5)
    print(f"{count} classes, half of the pixels without label: macro F1 {half:.3f}")
    assert half > score - 0.05
