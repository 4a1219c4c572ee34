"""One simulated person, phantom or scan: what stays the same between pictures."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

SEGMENTS = ("head", "trunk", "pelvis", "upper_arm", "forearm", "hand", "thigh", "shank", "foot")


@dataclass(frozen=True)
class Subject:
    """What distinguishes one subject from the next.

    Attributes:
        name: identifier, as in the manifest.
        seed: root of every draw that belongs to the body and not to one picture.
        phantom: a dummy: little variation of tissue, flat base.
        height: factor on all lengths.
        segments: factor on each of :data:`SEGMENTS`, on top of ``height``.
        female: 0 (male proportions) to 1 (female proportions).
        fat: factor on the thickness of fat.
        muscle: factor on muscle volume.
        age: years.
        cortex: factor on cortical thickness; small in osteoporosis.
        mineral: factor on the mineral of spongiosa (above marrow) and, weakly, of cortex.
        wear: 0 (young joints) to 1: narrow joint spaces, knobbly bone.
        bone_growth_mm: thickening of all bones along their normals.
        warp_mm: amplitude of the smooth free-form deformation.
        squareness: exponent of the trunk's cross-section: 2 is an ellipse, more is fuller beside
            the midline.
        furrow_mm: how far the back stands out on either side of the spine.
        bust_mm: size of a woman's heavy breasts, pressed flat: how far they spread; 0 for none but
            the usual ones.
        sag_mm: how low they hang: to below the diaphragm, where their lower edge looks like that of
            a bone.
        masses: round masses in the lungs.
        belly_mm: how far fat within the belly pushes its wall forward.
        apron_mm: how low the fat of the belly hangs over groins and thighs; 0 for no fold.
        gas: how much of the bowel holds gas, 1 being common; 0 for what all those have who are not
            drawn from wide ranges.
    """

    name: str
    seed: int
    phantom: bool = False
    height: float = 1.0
    segments: dict[str, float] = field(default_factory=lambda: dict.fromkeys(SEGMENTS, 1.0))
    female: float = 0.5
    fat: float = 1.0
    muscle: float = 1.0
    age: float = 40.0
    cortex: float = 1.0
    mineral: float = 1.0
    wear: float = 0.2
    bone_growth_mm: float = 0.0
    warp_mm: float = 3.0
    squareness: float = 2.5
    furrow_mm: float = 0.0
    bust_mm: float = 0.0
    sag_mm: float = 0.0
    masses: int = 0
    belly_mm: float = 0.0
    apron_mm: float = 0.0
    gas: float = 0.0

    def generator(self, purpose: int) -> np.random.Generator:
        """Return the generator for one purpose; the same for every picture of this subject."""
        return np.random.Generator(np.random.Philox(np.random.SeedSequence([self.seed, purpose])))


def draw_subject(
    name: str, seed: int, *, phantom: bool = False, varied: bool = False, thick: bool = False
) -> Subject:
    """Draw a subject.

    Args:
        name: identifier, as in the manifest.
        seed: non-negative; equal seeds give equal subjects.
        phantom: draw a dummy (average size, even fat) and not a person.
        varied: draw the trunk's cross-section too, which is otherwise everyone's alike, breasts
            of any size and height, much or little gas in the bowel, and masses in the lungs, which
            nobody else has.
        thick: draw a stout person, with fat within the belly too, and with the trunk's
            cross-section and gas of the varied.

    Returns:
        The subject.
    """
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, 0])))
    female = float(np.clip(rng.beta(0.7, 0.7), 0.0, 1.0))
    spread = 0.4 if phantom else 1.0
    height = float(
        1.02 - 0.07 * female + spread * np.clip(0.045 * rng.standard_normal(), -0.1, 0.1)
    )
    age = 45.0 if phantom else float(rng.uniform(20, 92))
    old = np.clip((age - 40) / 50, 0, 1)
    loss = float(old * rng.uniform(0.0, 1.0) * (0.55 + 0.45 * female))
    segments = {
        s: float(1 + spread * np.clip(0.035 * rng.standard_normal(), -0.08, 0.08)) for s in SEGMENTS
    }
    segments["pelvis"] *= 1 + 0.04 * (female - 0.5)
    subject = Subject(
        name=name,
        seed=seed,
        phantom=phantom,
        height=height,
        segments=segments,
        female=female,
        fat=float(np.clip(np.exp(0.46 * rng.standard_normal()), 0.3, 2.8)) if not phantom else 0.7,
        muscle=float(
            np.clip(np.exp(0.25 * rng.standard_normal() - 0.12 * female - 0.2 * old), 0.5, 1.7)
        ),
        age=age,
        cortex=float(np.clip((1.05 + 0.18 * rng.standard_normal()) * (1 - 0.5 * loss), 0.4, 1.6)),
        mineral=float(np.clip((1.05 + 0.2 * rng.standard_normal()) * (1 - 0.7 * loss), 0.3, 1.6)),
        wear=float(np.clip(old * rng.uniform(0.0, 1.2), 0.0, 1.0)),
        bone_growth_mm=float(np.clip(0.35 * rng.standard_normal() - 0.3 * female, -0.8, 0.8)),
        warp_mm=float(rng.uniform(1.5, 4.5)),
        squareness=float(rng.uniform(2.4, 4.0)) if varied else 2.5,
        furrow_mm=float(rng.uniform(0, 16)) if varied else 0.0,
        bust_mm=float(rng.uniform(0, 90)) if varied else 0.0,
        sag_mm=float(rng.uniform(0, 120)) if varied else 0.0,
        masses=int(rng.choice([0, 0, 0, 4, 9, 16])) if varied else 0,
    )
    if varied or thick:
        subject = replace(
            subject, gas=float(np.exp(0.55 * subject.generator(12).standard_normal()))
        )
    return _stout(subject) if thick else subject


def _stout(subject: Subject) -> Subject:
    """A thick trunk: more fat on the belly and in it, in part hanging."""
    rng = subject.generator(13)
    return replace(
        subject,
        fat=float(rng.uniform(1.2, 2.8)),
        squareness=float(rng.uniform(2.4, 4.0)),
        furrow_mm=float(rng.uniform(0, 16)),
        belly_mm=float(rng.uniform(0, 95)),
        apron_mm=float(rng.choice([0.0, 0.0, rng.uniform(15, 90)])),
    )
