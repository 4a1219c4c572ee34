"""What a release gained."""

import pytest
from made_counts import counts

from xnet_study.ablations import releases
from xnet_tf.files import InputError, write_json


def released(folder, share, less, population="p"):
    """Write a release's counts, some images of which are segmented less well."""
    folder.mkdir()
    table, other = (counts(s, "condition", ("plain", "gamma 2")) for s in (share, less))
    table.loc[::5] = other.loc[::5]
    table["body_part"] = ["arm" if n % 2 else "leg" for n in range(len(table))]
    table.to_csv(folder / "population.csv", index=False)
    record = {"population_sha256": population, "weights_sha256": f"of {share}"}
    write_json(folder / "robustness.json", record)
    return folder


def test_a_gain_is_paired_and_by_body_part(tmp_path):
    before = released(tmp_path / "before", 0.6, 0.6)
    after = released(tmp_path / "after", 0.8, 0.7)
    table = releases.gain(releases.read(before), releases.read(after)).set_index("body_part")
    assert set(table.index) == {"all", "arm", "leg"} and table.index[0] == "all"
    old, new = (table[table["release"] == name] for name in ("before", "after"))
    assert old["value"].to_numpy() == pytest.approx([0.6] * 3, abs=0.01)
    assert new["difference"].to_numpy() == pytest.approx((new["value"] - old["value"]).to_numpy())
    assert (new["difference low"] > 0.1).all()
    assert (new["difference low"] < new["difference"]).all()
    assert (new["difference"] < new["difference high"]).all()
    assert releases.population(after, before) == {
        "after_weights_sha256": "of 0.8",
        "before_weights_sha256": "of 0.6",
        "population_sha256": "p",
    }


def test_another_population_is_refused(tmp_path):
    folders = [released(tmp_path / name, 0.6, 0.6, name) for name in ("a", "b")]
    with pytest.raises(InputError, match="another population"):
        releases.population(*folders)
