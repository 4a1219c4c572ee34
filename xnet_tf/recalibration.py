"""Re-calibration after training: temperature, vector scaling, and isotonic regression.

Each is fitted on images that trained nothing, and is then a function from probabilities to
probabilities. Softmax forgets a constant, so that logarithms of probabilities are logits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.optimize
from scipy.special import log_softmax, softmax

from xnet_tf import calibration, classes

_SMALLEST = 1e-30


@dataclass(frozen=True)
class Scaling:
    """Logits are multiplied by factors, and biases are added.

    A single factor for all classes is one over the *temperature*; it keeps the order of the
    classes, and so the decision. Factors and biases of their own (*vector scaling*) may change it.

    Attributes:
        factors: one per class, or the same for all.
        biases: one per class; their mean is 0.

    References:
        Guo et al., On calibration of modern neural networks, ICML 2017.
    """

    factors: tuple[float, ...]
    biases: tuple[float, ...] = (0.0,) * classes.COUNT

    def __call__(self, probabilities: np.ndarray) -> np.ndarray:
        """Re-calibrate float ``(..., C)``; returns float32 of the same shape."""
        scaled = _log(probabilities) * np.float32(self.factors) + np.float32(self.biases)
        return softmax(scaled, axis=-1)


@dataclass(frozen=True)
class Isotonic:
    """Each class's probability is mapped on its own, monotonically; then they are made to sum to 1.

    Attributes:
        maps: float ``(C, LEVELS)``, a probability for every level of the class's logit.

    References:
        Zadrozny and Elkan, Transforming classifier scores into accurate multiclass probability
        estimates, KDD 2002.
    """

    maps: np.ndarray

    def __call__(self, probabilities: np.ndarray) -> np.ndarray:
        """Re-calibrate float ``(..., C)``; returns float32 of the same shape."""
        level = calibration.levels(calibration.logits(probabilities))
        mapped = np.stack([m[level[..., k]] for k, m in enumerate(self.maps)], axis=-1)
        return (mapped / mapped.sum(axis=-1, keepdims=True)).astype(np.float32)


def fit_temperature(probabilities: np.ndarray, truth: np.ndarray) -> Scaling:
    """Find the temperature of least negative log likelihood.

    Args:
        probabilities: float ``(N, C)``, of pixels that trained nothing.
        truth: integer ``(N,)``, class ids.
    """
    logs = _log(probabilities).astype(np.float64)

    def loss(log_factor: float) -> float:
        return _nll(logs * np.exp(log_factor), truth)

    # The loss is convex in the factor, hence has one minimum along its logarithm too.
    found = scipy.optimize.minimize_scalar(loss, bounds=(-4, 4), options={"xatol": 1e-5})
    return Scaling((float(np.exp(found.x)),) * logs.shape[1])


def fit_vector(probabilities: np.ndarray, truth: np.ndarray) -> Scaling:
    """Find a factor and a bias for each class, of least negative log likelihood.

    Args:
        probabilities: float ``(N, C)``, of pixels that trained nothing.
        truth: integer ``(N,)``, class ids.
    """
    logs = _log(probabilities).astype(np.float64)
    count = logs.shape[1]
    hit = np.eye(count)[truth]

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        scaled = logs * values[:count] + values[count:]
        slope = (softmax(scaled, axis=1) - hit) / len(truth)
        return _nll(scaled, truth), np.concatenate([(slope * logs).sum(axis=0), slope.sum(axis=0)])

    start = np.concatenate([np.ones(count), np.zeros(count)])
    found = scipy.optimize.minimize(loss, start, jac=True, method="L-BFGS-B").x
    biases = found[count:] - found[count:].mean()
    return Scaling(tuple(found[:count].tolist()), tuple(biases.tolist()))


def fit_isotonic(counts: np.ndarray) -> Isotonic:
    """Fit a monotone map for each class, on exact counts.

    Args:
        counts: int64 ``(C, C, LEVELS)``: class judged, true class, level of the judged class.
    """
    maps = [
        calibration.recalibrated(calibration.against_rest(of_class, k))
        for k, of_class in enumerate(counts)
    ]
    # A level that was never wrong would claim certainty, and cost infinitely much when it errs.
    return Isotonic(np.clip(maps, 1e-6, 1 - 1e-6))


def _log(probabilities: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(np.asarray(probabilities, np.float32), np.float32(_SMALLEST)))


def _nll(scaled: np.ndarray, truth: np.ndarray) -> float:
    return float(-log_softmax(scaled, axis=1)[np.arange(len(truth)), truth].mean())
