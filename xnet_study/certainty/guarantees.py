"""Thresholds with a promise: Learn-then-Test and conformal risk control, by subject.

The loss of a subject at a threshold is the false discovery proportion of their images, between 0
and 1, and 0 where nothing is called soft tissue. It need not fall as the threshold rises. Both
promises speak of new subjects that come from where the calibration subjects came from, and of the
*mean* of their losses.

Losses are float ``(N, T)``: subjects by thresholds, which rise along the last axis and were listed
before any subject was seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

ORDERS = 50
"""Orders of the subjects over which bets are averaged."""


def betting(
    losses: np.ndarray, target: float, delta: float = 0.05, orders: int = ORDERS
) -> np.ndarray:
    """P-value of "the mean loss exceeds the target", by betting against it.

    A gambler stakes a share of their capital on each loss being below the target. If the mean is
    not, their capital at the end is expected to be at most what they began with, and that it is
    1 / p times that has a probability of at most p. Stakes adapt to the spread of the losses seen
    so far: where they vary little, this needs fewer subjects than bounds that know the mean alone
    (Hoeffding's, Bentkus's).

    The bets need an order that the losses have no part in, and a lucky one must not decide. So
    subjects are shuffled by a fixed seed, several times, and the capitals are averaged: a mean of
    such capitals is one itself. They are sorted by their losses first, so that the result does not
    depend on the order in which they come.

    Args:
        losses: float ``(N, T)``, independent subjects in any order.
        target: in (0, 1).
        delta: level that the stakes are tuned for.
        orders: how many.

    Returns:
        float ``(T,)``.

    References:
        Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting, JRSS B 86
        (2024); the stakes are those of Bates et al., J. ACM 68 (2021), proposition 5. Vovk and
        Wang, E-values: calibration, combination and applications, Ann. Stat. 49 (2021): means.
    """
    losses = losses[np.lexsort(losses.T)]
    rng = np.random.Generator(np.random.Philox(1))
    of_orders = [_log_capital(rng.permutation(losses), target, delta) for _ in range(orders)]
    capital = logsumexp(of_orders, axis=0) - np.log(orders)
    return np.exp(-np.maximum(capital, 0))


def _log_capital(losses: np.ndarray, target: float, delta: float) -> np.ndarray:
    """Return the logarithm of the capital after bets in one order, ``(T,)``."""
    number = np.arange(1, len(losses) + 1)[:, None]
    mean = (0.5 + losses.cumsum(axis=0)) / (number + 1)
    spread = (0.25 + ((losses - mean) ** 2).cumsum(axis=0)) / (number + 1)
    before = np.concatenate([np.full((1, losses.shape[1]), 0.25), spread[:-1]])
    stakes = np.minimum(1, np.sqrt(2 * np.log(1 / delta) / (len(losses) * before)))
    return np.log1p(stakes * (target - losses)).sum(axis=0)


def learn_then_test(
    losses: np.ndarray, target: float, delta: float = 0.05, orders: int = ORDERS
) -> int | None:
    """Choose the lowest threshold whose mean loss is at most the target, with confidence.

    Thresholds are tested, by `betting`, from the highest down, until the first that fails
    (fixed-sequence testing): so the chance of ever accepting a bad one is at most `delta`, whatever
    the losses do between.

    Args:
        losses: float ``(N, T)``, independent subjects.
        target: largest mean loss aimed at, in (0, 1).
        delta: chance that the promise is broken. Each threshold that is chosen so has its own.
        orders: see `betting`.

    Returns:
        Position of the threshold, or None if not even the highest can be promised.

    References:
        Angelopoulos et al., Learn then test, Ann. Appl. Stat. 19 (2025).
    """
    accepted = betting(losses, target, delta, orders)[::-1] <= delta
    run = len(accepted) if accepted.all() else int(np.argmin(accepted))
    return len(accepted) - run if run else None


def conformal(losses: np.ndarray, target: float) -> int | None:
    """Choose the lowest threshold whose loss of the next subject is expected within the target.

    Each subject's loss is replaced by the largest at this and all higher thresholds, which falls as
    the threshold rises, as the method needs.

    Args:
        losses: float ``(N, T)``, exchangeable subjects.
        target: largest expected loss aimed at.

    Returns:
        Position of the threshold, or None if not even the highest can be promised.

    References:
        Angelopoulos et al., Conformal risk control, ICLR 2024.
    """
    running = np.maximum.accumulate(losses[:, ::-1], axis=1)[:, ::-1]
    # The subject to come may have the worst loss there is: 1.
    bound = (running.sum(axis=0) + 1) / (len(losses) + 1)
    good = np.flatnonzero(bound <= target)
    return int(good[0]) if len(good) else None


def naive(losses: np.ndarray, target: float) -> int | None:
    """Choose the lowest threshold whose mean loss meets the target on these subjects.

    No promise comes with it.
    """
    good = np.flatnonzero(losses.mean(axis=0) <= target)
    return int(good[0]) if len(good) else None


def needed(target: float, delta: float | None = None) -> int:
    """Return how many subjects a promise needs at least, even if all are flawless.

    Args:
        target: largest mean loss aimed at, in (0, 1).
        delta: chance that `learn_then_test` may break its promise; None for `conformal`.
    """
    if delta is None:
        # Rounded first: 1 / 0.05 is 20, and not a little more.
        return math.ceil(round(1 / target - 1, 9))
    # No gambler gains more than the target on a subject, so that fewer can never do.
    number = math.ceil(math.log(1 / delta) / math.log1p(target))
    while not _flawless_suffice(number, target, delta):
        number += 1
    return number


def _flawless_suffice(subjects: int, target: float, delta: float) -> bool:
    # Equal losses have one order.
    return learn_then_test(np.zeros((subjects, 1)), target, delta, orders=1) is not None


class Subjects(NamedTuple):
    """Each subject's mean over images, float ``(N, T)``.

    Attributes:
        losses: false discovery proportion.
        recalls: NaN for subjects without soft tissue.
        abstained: share of images in which nothing was called soft tissue.
    """

    losses: np.ndarray
    recalls: np.ndarray
    abstained: np.ndarray


def trial(
    world: Subjects,
    choose: Callable[[np.ndarray], int | None],
    size: int,
    repeats: int = 1000,
    replace: bool = False,
) -> dict[str, np.ndarray]:
    """Choose a threshold on random subjects and see what it does on others, many times.

    Args:
        world: all subjects.
        choose: from the losses of some subjects to a position, or None.
        size: subjects to choose on.
        repeats: random splits.
        replace: False: the subjects are divided, and the rest are the others. True: all N are taken
            for the world, whose mean loss is then known, and subjects are drawn from it with
            replacement.

    Returns:
        Float ``(repeats,)`` each: ``risk``, ``recall``, ``abstained`` of the others, and
        ``refused``. Where the choice is refused nothing is called soft tissue: risk and recall 0.
    """
    number = len(world.losses)
    rows = np.tile([0.0, 0.0, 1.0, 1.0], (repeats, 1))
    for r in range(repeats):
        drawn = np.random.Generator(np.random.Philox([1, r])).choice(number, size, replace=replace)
        position = choose(world.losses[drawn])
        if position is not None:
            others = slice(None) if replace else np.setdiff1d(np.arange(number), drawn)
            loss, recall, abstained = (values[others, position] for values in world)
            rows[r] = loss.mean(), np.nanmean(recall), abstained.mean(), 0
    return dict(zip(("risk", "recall", "abstained", "refused"), rows.T, strict=True))
