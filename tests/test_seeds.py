"""The comparison of seeds."""

import numpy as np
import pytest
from made_counts import counts

from xnet_study.ablations import common, seeds
from xnet_tf import profiles
from xnet_tf.files import write_json


def test_seeds_are_pooled_and_the_users_weights_compared_with_each():
    shares = {"seed 1": 0.6, "seed 2": 0.7, seeds.USERS: 0.8}
    tables = {
        name: counts(share, "subset", ("test", "evaluation"), weights=f"of {name}")
        for name, share in shares.items()
    }
    table = seeds.score_table(tables, ["seed 1", "seed 2"])
    rows = table.query("subset == 'evaluation' and score == 'macro F1'").set_index("network")
    # All classes are alike, so that macro F1 is the share of correct pixels.
    assert rows["value"]["all seeds"] == pytest.approx(0.65, abs=0.01)
    assert rows["difference"]["seed 1"] == pytest.approx(0.2, abs=0.01)
    assert rows["difference"]["all seeds"] == pytest.approx(0.15, abs=0.01)
    assert np.isnan(rows["difference"][seeds.USERS])
    assert rows["weights"]["seed 2"] == "of seed 2"
    assert len(table) == 2 * 2 * 4


def test_the_profiles_own_seed_is_its_own_run():
    quick = profiles.get("quick")
    assert seeds.seeded(quick, quick.seed) is quick
    other = seeds.seeded(quick, 7)
    assert (other.seed, other.epochs) == (7, quick.epochs)
    assert other.name != quick.name


def test_scores_of_other_data_are_made_anew(tmp_path):
    record = tmp_path / "run.json"
    assert not common.made_from(record, weights_sha256="a")
    write_json(record, {"weights_sha256": "a", "data_sha256": "b", "more": 1})
    assert common.made_from(record, weights_sha256="a", data_sha256="b")
    assert not common.made_from(record, weights_sha256="a", data_sha256="c")
