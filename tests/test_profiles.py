import json

import pytest

from xnet_tf import profiles
from xnet_tf.files import InputError


def test_paper_profile_is_the_published_one():
    paper = profiles.get("paper")
    assert paper.filters == (64, 128, 256, 512)
    assert (paper.image_size, paper.batch_size, paper.images_per_part) == (200, 5, 500)
    assert (paper.optimizer, paper.learning_rate, paper.schedule) == ("rmsprop", 1e-4, "inverse")
    assert (paper.patience, paper.l2, paper.augmentation) == (20, 1e-4, "paper")


def test_profile_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("XNET_PROFILE", "smoke")
    assert profiles.get().name == "smoke"
    monkeypatch.delenv("XNET_PROFILE")
    assert profiles.get().name == "quick"


def test_unknown_profile_is_refused():
    with pytest.raises(InputError, match="smoke, lesson, quick, tune, base, fine, wide, paper"):
        profiles.get("fast")


@pytest.mark.parametrize("name", profiles.PROFILES)
def test_profiles_are_json(name):
    assert json.loads(json.dumps(profiles.get(name).as_dict())) == profiles.get(name).as_dict()
