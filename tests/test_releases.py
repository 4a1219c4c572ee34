"""What a release gained."""

import pandas as pd
import pytest
from made_counts import counts

from xnet_study.ablations import releases
from xnet_tf.files import InputError


def test_a_gain_is_paired_and_by_body_part():
    before, after, less = (
        counts(share, "condition", ("plain", "gamma 2")) for share in (0.6, 0.8, 0.7)
    )
    after.loc[::5] = less.loc[::5]
    for table in (before, after):
        table["body_part"] = ["arm" if n % 2 else "leg" for n in range(len(table))]
    shuffled = after.sample(frac=1, random_state=1)
    table = releases.gain(before, shuffled).set_index("body_part")
    assert list(table.index) == ["all", "arm", "leg"]
    assert table.loc["all", "images"] == table.loc[["arm", "leg"], "images"].sum()
    assert (table["difference"] - (table["after"] - table["before"])).abs().max() < 1e-9
    assert table["before"].to_numpy() == pytest.approx([0.6] * 3, abs=0.01)
    assert (table["difference low"] > 0.1).all()
    assert (table["difference low"] < table["difference"]).all()
    assert (table["difference"] < table["difference high"]).all()
    pd.testing.assert_frame_equal(releases.gain(before, after), table.reset_index())


def test_other_pictures_are_refused():
    table = counts(0.6, "condition", ("plain",))
    with pytest.raises(InputError, match="of other pictures"):
        releases.gain(table, table.iloc[1:])
