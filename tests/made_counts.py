"""Made-up tables of pixel counts, for tests of scripts that compare networks."""

import numpy as np
import pandas as pd

from xnet_tf.metrics import count_columns


def counts(share, column, names, images=12, **further):
    """Return counts of images in which this share of each class's 100 pixels is right.

    One block of rows for each of the names in the column; two images of each subject.
    """
    wrong = round(100 - 100 * share)
    matrix = np.full((3, 3), wrong // 2) + np.diag([100 - wrong - wrong // 2] * 3)
    rows = [
        {column: name, "image": f"{k}.png", "subject": f"s{k // 2}", **further}
        | dict(zip(count_columns(), matrix.flat, strict=True))
        for name in names
        for k in range(images)
    ]
    return pd.DataFrame(rows)
