"""A manifest from Excel is read, or the message names the right cause.

Semicolons, tabs and Windows-1252 are read; "./images/a.png" is images/a.png; a fault's line number
is the line in the file.
"""

import numpy as np
import pytest
from PIL import Image

from xnet_io import importing
from xnet_tf import classes
from xnet_tf.files import InputError

MASK = np.zeros((40, 40), np.uint8)
MASK[10:30], MASK[15:25] = 1, 2
HEAD = "image,mask,body_part,subject,source\n"
ROW = "images/a.png,masks/a.png,Kn\u00f6chel,p1,own\n"


@pytest.mark.parametrize(
    ("content", "misleading"),
    [
        ((HEAD + ROW).replace(",", ";").encode(), "lacks the columns image"),
        ((HEAD + ROW).replace(",", "\t").encode("utf-16"), "lacks the columns image"),
        ((HEAD + ROW).encode("cp1252"), "not a CSV table"),
        ((HEAD + ROW).replace("images/", "./images/").encode(), "was left out"),
        ((HEAD + "\n\n" + ROW + ROW.replace("a.png", "b.png")).encode(), "line 3:"),
    ],
    ids=["semicolons", "tabs, UTF-16", "Windows-1252", "./images", "line 5, after empty lines"],
)
def test_manifest(tmp_path, content, misleading):
    (tmp_path / "images").mkdir(), (tmp_path / "masks").mkdir()
    Image.fromarray(200 - 60 * MASK).save(tmp_path / "images" / "a.png")
    Image.fromarray(classes.colour(MASK)).save(tmp_path / "masks" / "a.png")
    (tmp_path / "manifest.csv").write_bytes(content)
    try:
        outcome = importing.import_masks(tmp_path, tmp_path / "set")
        text = "; ".join(problem.what for problem in outcome.problems)
        manifest = (tmp_path / "set" / "manifest.csv").read_text(encoding="utf-8")
        assert "Kn\u00f6chel" in manifest
    except InputError as error:
        text = str(error)
        assert "line 5" in text
    assert misleading not in text
