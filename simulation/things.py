"""Where a judged thing lies in a picture: metal that leaves the body, or what the body lies on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simulation.marcher import METALS
from simulation.materials import INDEX
from simulation.physics import Beam
from simulation.projector import Projection, prepare, project
from simulation.render import Picture
from simulation.scene import Geometry, Volume

NOTHING, ALONE, BEFORE_BODY = 0, 1, 2
"""Values of a map: the thing with only air around it along the ray, or with the body as well."""

_AIR = 0.05  # g/cm2: less than the label rule's thinnest flesh weighs about


def metal(
    volume: Volume, geometry: Geometry, beam: Beam, whole: Projection, picture: Picture
) -> np.ndarray:
    """Return where metal is, uint8 of the picture's shape.

    Args:
        volume: the scene's.
        geometry: the view's.
        beam: any; metal hides nothing from itself.
        whole: what the rays of that view saw of all of the volume.
        picture: the finished one; blades may hide metal, and specks are nobody's.
    """
    kept = np.isin(volume.material, [INDEX[n] for n in METALS])
    alone = replace(volume, material=np.where(kept, volume.material, 0).astype(np.uint8))
    (seen,) = project(prepare(alone), geometry, [beam], max(whole.label.shape))
    found = (seen.label == 2) & (picture.label == 2)
    around = whole.areal - seen.areal > _AIR
    return np.where(found, np.where(around, BEFORE_BODY, ALONE), NOTHING).astype(np.uint8)


def cushions(picture: Picture) -> np.ndarray:
    """Return where cushions are to be seen, uint8; not where the picture is burnt out or dark."""
    seen = picture.cushions & (picture.clean < 0.999) & (picture.image > 0.01)
    return np.where(seen, np.where(picture.label == 0, ALONE, BEFORE_BODY), NOTHING).astype(
        np.uint8
    )
