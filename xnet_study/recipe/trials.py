"""The trials of the search, in the order in which they are done. Reasons are in NOTES.md."""

from __future__ import annotations

import dataclasses

from xnet_study.recipe.settings import Settings, Stage, Trial
from xnet_tf.appearance import Blur, Collimate, Gamma, Noise
from xnet_tf.presets import PRESETS
from xnet_tf.transforms import Elastic, Flip, Rotate, Sometimes, Translate, Zoom


def replaced(preset: tuple, *others) -> tuple:
    """Return a preset with other transforms in the place of those of their classes."""
    of_class = {type(one): one for one in others}
    return tuple(of_class.get(type(one), one) for one in preset)


GEOMETRY = (
    *(Flip(0.5, 0.5), Translate(0.05), Zoom(0.8, 1.35), Rotate(180)),
    Sometimes(0.6, Elastic(2.0)),
)
MEDIUM = (*GEOMETRY, Blur(0.0, 0.4), Noise(0.01), Gamma(0.8, 1.25))
UPRIGHT = replaced(MEDIUM, Flip(0.5, 0.0), Rotate(20))
STRONGER = replaced(
    *(MEDIUM, Zoom(0.7, 1.6), Sometimes(0.6, Elastic(4.0))),
    *(Blur(0.0, 0.8), Noise(0.03), Gamma(0.6, 1.6)),
)
# A collimator's shadow falls before the detector adds its noise.
COLLIMATED = (*MEDIUM[:-2], Sometimes(0.25, Collimate(0.3, degrees=45)), *MEDIUM[-2:])
ROBUST, AFFINE, PAPER, UNEVEN = (
    tuple(PRESETS[name]) for name in ("robust", "affine", "paper", "uneven")
)

BASE = Settings(augmentation=MEDIUM, l2=1e-6)
"""Quick with mild changes and a hundredth of the penalty: the first try."""

MUON = dataclasses.replace(BASE, optimizer="muon")


def base(**changes) -> Settings:
    """Return the base with some settings changed."""
    return dataclasses.replace(BASE, **changes)


def muon(**changes) -> Settings:
    """Return the base with Muon, and with some settings changed."""
    return dataclasses.replace(MUON, **changes)


SIXTH, HALF = 1 / 6, 1 / 2

FIRST = [
    Trial("base", BASE, SIXTH, 1),
    Trial("base", BASE, SIXTH, 2),
    Trial("quick", Settings(), SIXTH),
    Trial("upright", base(augmentation=UPRIGHT), SIXTH),
    Trial("muon 2e-3", MUON, SIXTH),
]

# Muon leads by ten times the spread of seeds: what follows is decided upon it.
COARSE = (Stage(80, 90), Stage(104, 33), Stage(200, 13))
MIDDLE = (Stage(104, 75), Stage(152, 20), Stage(200, 12))
FEW_FULL = (Stage(104, 100), Stage(200, 17))
FADING = (Stage(104, 75), Stage(200, 25, augmentation=()))
GROWING = (Stage(104, 75, augmentation=()), Stage(200, 25))
SECOND = [
    Trial("muon 6e-3", muon(learning_rate=6e-3), SIXTH),
    Trial("muon, batch 10, 4e-3", muon(batch_size=10, learning_rate=4e-3), SIXTH),
    Trial("muon, coarse 80x90, 104x33, 200x13", muon(stages=COARSE), SIXTH),
    Trial("muon 1e-3", muon(learning_rate=1e-3), SIXTH),
    Trial("muon, batch 10, 2e-3", muon(batch_size=10), SIXTH),
    Trial("muon", MUON, 1.0),
    Trial("muon, dice", muon(loss="dice"), SIXTH),
    Trial("muon 2e-3", MUON, SIXTH, 2),
    Trial("muon, upright", muon(augmentation=UPRIGHT), SIXTH),
    Trial("muon, batch 3", muon(batch_size=3), SIXTH),
    Trial("muon, trapezoid", muon(schedule="trapezoid"), SIXTH),
    Trial("muon, average 0.99", muon(ema=0.99), SIXTH),
    Trial("muon, batch 3, 1e-3", muon(batch_size=3, learning_rate=1e-3), SIXTH),
    Trial("muon, moments 0.9", muon(bn_momentum=0.9), SIXTH),
    Trial("muon, subject", muon(balance="subject"), SIXTH),
    Trial("muon, 104x75, 152x20, 200x12", muon(stages=MIDDLE), SIXTH),
    Trial("muon, 104x100, 200x17", muon(stages=FEW_FULL), SIXTH),
    Trial("muon, mixed sizes", muon(mixed=True), SIXTH),
    Trial("muon, plain at full size", muon(stages=FADING), SIXTH),
    Trial("muon, plain at 104", muon(stages=GROWING), SIXTH),
    Trial("muon, decay 0.01", muon(weight_decay=0.01), SIXTH),
    Trial("muon, warm-up 0.05", muon(warm_up=0.05), SIXTH),
    Trial("muon, L2 1e-4", muon(l2=1e-4), SIXTH),
    Trial("muon, L2 0", muon(l2=0.0), SIXTH),
    Trial("muon 2e-3", MUON, SIXTH, 3),
    Trial("muon, batch 8, 2e-3", muon(batch_size=8), SIXTH),
    Trial("muon, no elastic", muon(augmentation=MEDIUM[:4] + MEDIUM[5:]), SIXTH),
    Trial("muon, no greys", muon(augmentation=GEOMETRY), SIXTH),
    Trial("muon, no zoom", muon(augmentation=MEDIUM[:2] + MEDIUM[3:]), SIXTH),
    Trial("muon, only flips", muon(augmentation=MEDIUM[:1]), SIXTH),
]

# What the table owes its reader: the other optimisers, each with its own rates.
POLY = {"optimizer": "sgd", "learning_rate": 1e-2, "schedule": "poly"}
OTHERS = [
    Trial("base", BASE, SIXTH, 3),
    Trial("rate 5e-3", base(learning_rate=5e-3), SIXTH),
    Trial("rate 8e-4", base(learning_rate=8e-4), SIXTH),
    Trial("adamw", base(weight_decay=0.05), SIXTH),
    Trial("sgd 1e-2, poly", base(**POLY), SIXTH),
    Trial("sgd 1e-2, poly, dice", base(**POLY, loss="dice"), SIXTH),
    Trial("dice", base(loss="dice"), SIXTH),
]

# Two minutes of two cores: 240 core-seconds, starting and reading included.
LESSON = [
    Trial("lesson, muon, 104x6, 200x2", muon(stages=(Stage(104, 6), Stage(200, 2))), 1.0),
    Trial("lesson, muon, 104x14", muon(stages=(Stage(104, 14),)), 1.0),
    Trial("lesson, muon, 80x10, 200x2", muon(stages=(Stage(80, 10), Stage(200, 2))), 1.0),
]

# How strong augmentation should be depends on the length: asked at a half, last things first.
HALVES = [
    Trial("muon, affine", muon(augmentation=AFFINE), HALF),
    Trial("muon, paper", muon(augmentation=PAPER), HALF),
    Trial("muon, uneven", muon(augmentation=UNEVEN), HALF),
    Trial("muon, collimated", muon(augmentation=COLLIMATED), HALF),
    Trial("muon, robust", muon(augmentation=ROBUST), HALF),
    Trial("muon, none", muon(augmentation=()), HALF),
    Trial("muon, stronger", muon(augmentation=STRONGER), HALF),
    Trial("muon, upright", muon(augmentation=UPRIGHT), HALF),
    Trial("muon, dice", muon(loss="dice"), HALF),
    Trial("muon", MUON, HALF),
]

# What was changed, one thing at a time, from the quick profile as it was; all together is "muon".
LADDER = [
    Trial("quick", Settings(), HALF),
    Trial("quick, muon", Settings(optimizer="muon"), HALF),
    Trial("quick, mild", Settings(augmentation=MEDIUM), HALF),
    Trial("quick, L2 1e-6", Settings(l2=1e-6), HALF),
]

TRIALS = FIRST + SECOND + LESSON[:1] + OTHERS + LESSON[1:] + HALVES + LADDER
