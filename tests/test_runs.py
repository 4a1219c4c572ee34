import dataclasses
import json

import pytest

from xnet_tf import profiles, runs
from xnet_tf.files import InputError, read_json


def test_current_run_comes_before_the_release(tmp_path, monkeypatch):
    monkeypatch.setenv("XNET_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(runs, "REPOSITORY", tmp_path / "repository")
    smoke = profiles.get("smoke")
    with pytest.raises(InputError, match="xnet train"):
        runs.find(smoke, "results/x.csv")
    for folder, origin in (
        (tmp_path / "repository", "the release"),
        (runs.folder(smoke), "this run"),
    ):
        path = folder / "results" / "x.csv"
        path.parent.mkdir(parents=True)
        path.touch()
        assert runs.find(smoke, "results/x.csv") == (path, origin)


def test_the_wide_profile_has_a_release_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("XNET_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(runs, "REPOSITORY", tmp_path)
    for name in ("results/wide/a.csv", "results/b.csv", "results/a.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    wide = profiles.get("wide")
    assert runs.weights(wide)[0] == runs.USER_WEIGHTS
    assert runs.weights(profiles.get("smoke"))[0] == runs.RELEASED_WEIGHTS
    assert runs.find(wide, "results/a.csv")[0] == tmp_path / "results" / "wide" / "a.csv"
    assert runs.find(wide, "results/b.csv")[0] == tmp_path / "results" / "b.csv"


def test_versions_name_the_libraries():
    assert runs.versions().keys() >= {"python", "tensorflow", "keras", "numpy"}


@pytest.mark.parametrize(
    ("weights", "name"), [(runs.RELEASED_WEIGHTS, "quick"), (runs.USER_WEIGHTS, "wide")]
)
def test_released_weights_are_of_their_profile_as_it_is(weights, name):
    record = read_json(weights.with_suffix(".json"))
    # "auto" is settled on the machine that trains.
    profile = dataclasses.replace(profiles.get(name), precision=record["profile"]["precision"])
    now = json.loads(json.dumps(profile.as_dict()))
    assert {key: now[key] for key in record["profile"]} == record["profile"]
