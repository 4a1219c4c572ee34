import pytest

from xnet_tf import profiles, runs
from xnet_tf.files import InputError


def test_current_run_comes_before_the_release(tmp_path, monkeypatch):
    monkeypatch.setenv("XNET_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(runs, "REPOSITORY", tmp_path / "repository")
    smoke = profiles.get("smoke")
    with pytest.raises(InputError, match="notebook 04"):
        runs.find(smoke, "results/x.csv")
    for folder, origin in (
        (tmp_path / "repository", "the release"),
        (runs.folder(smoke), "this run"),
    ):
        path = folder / "results" / "x.csv"
        path.parent.mkdir(parents=True)
        path.touch()
        assert runs.find(smoke, "results/x.csv") == (path, origin)


def test_versions_name_the_libraries():
    assert runs.versions().keys() >= {"python", "tensorflow", "keras", "numpy"}
