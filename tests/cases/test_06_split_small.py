"""From three subjects on every subset has one; of many strata of three, train is the largest."""

import pandas as pd
import pytest

from xnet_tf.dataset import make_split


@pytest.mark.parametrize(
    "parts",
    [
        list("abc"),
        list("aaa"),
        list("abcde"),
        list("abcdefghij"),
        sorted("abcdefghijklmnopqrst" * 2),
        list("aabb"),
        sorted("abcdefghijklmnopqrst" * 3),
    ],
    ids=lambda parts: f"{len(parts)} subjects, {len(set(parts))} body parts",
)
def test_small_strata(parts):
    index = [f"images/{k}.png" for k in range(len(parts))]
    subjects = [f"p{k}" for k in range(len(parts))]
    table = pd.DataFrame({"body_part": parts, "subject": subjects}, index=index)
    sizes = {name: len(images) for name, images in make_split(table).items()}
    assert min(sizes.values()) > 0, sizes
    assert sizes["train"] >= 0.5 * len(parts) or len(parts) == 3, sizes
