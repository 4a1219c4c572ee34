"""Spectra, attenuation and the response of an energy-integrating CsI detector."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import spekpy
import xraydb

from simulation.materials import MATERIALS

BINS = 24
CSI_DENSITY = 3.6  # g/cm3: 4.51 of the crystal, columns packed to about 80 %
CSI_THICKNESS_CM = 0.06
SWANK = 0.85  # information factor of CsI:Tl, Rowlands & Yorkston, Handbook of Medical Imaging 1


@dataclass(frozen=True)
class Beam:
    """A spectrum as the detector weighs it, in :data:`BINS` energy bins.

    Attributes:
        energies_kev: float64 ``(E,)``, mean energy of each bin.
        signal: float64 ``(E,)``, share of the open beam's signal in each bin; sums to 1.
        square: float64 ``(E,)``, weights of the signal's variance per detected photon, in units of
            the open beam's signal of one photon (sums to the compound-Poisson excess, about 1.25).
        attenuation: float64 ``(M, E)``, mass attenuation coefficients in cm2/g.
        quanta_per_ugy_mm2: photons detected per mm2 and uGy of open-beam air kerma.
    """

    energies_kev: np.ndarray
    signal: np.ndarray
    square: np.ndarray
    attenuation: np.ndarray
    quanta_per_ugy_mm2: float


def mass_attenuation(composition: dict[str, float], energies_kev: np.ndarray) -> np.ndarray:
    """Mass attenuation coefficient of a mixture (coherent scatter included).

    Args:
        composition: mass fraction by element symbol; normalised here.
        energies_kev: ``(E,)``.

    Returns:
        float64 ``(E,)`` in cm2/g, by the mixture rule over Elam's tables in ``xraydb``.
    """
    energies_ev = np.asarray(energies_kev, dtype=float) * 1e3
    total = sum(composition.values())
    return sum(
        fraction / total * xraydb.mu_elam(symbol, energies_ev)
        for symbol, fraction in composition.items()
    )


def detector_efficiency(energies_kev: np.ndarray) -> np.ndarray:
    """Share of photons that a 600 um CsI layer absorbs, ``(E,)`` in [0, 1]."""
    csi = {"Cs": 132.905, "I": 126.904}
    mu = mass_attenuation(csi, energies_kev) * CSI_DENSITY
    return 1.0 - np.exp(-mu * CSI_THICKNESS_CM)


@lru_cache(maxsize=64)
def beam(
    kvp: float, aluminium_mm: float = 2.7, copper_mm: float = 0.0, anode_deg: float = 12.0
) -> Beam:
    """The beam of a tungsten tube, binned.

    Args:
        kvp: tube voltage in kV, 30 to 150.
        aluminium_mm: inherent and added filtration.
        copper_mm: additional filtration, usual for trunks.
        anode_deg: target angle.

    Returns:
        the beam; cached, since a tube voltage is used by many images.

    Raises:
        ValueError: if ``kvp`` lies outside 30 to 150.
    """
    if not 30 <= kvp <= 150:
        raise ValueError(f"tube voltage {kvp} kV is outside 30 to 150 kV")
    tube = spekpy.Spek(kvp=float(kvp), th=float(anode_deg), dk=0.5)
    tube.filter("Al", aluminium_mm)
    if copper_mm > 0:
        tube.filter("Cu", copper_mm)
    energies, fluence = tube.get_spectrum()
    kerma_ugy = tube.get_kerma()
    photons = fluence * 0.5  # per keV -> per step of 0.5 keV, photons/cm2 at 100 cm and 1 mAs
    detected = photons * detector_efficiency(energies)
    return _bin(energies, detected, detected.sum() / 100.0 / kerma_ugy)


def _bin(energies: np.ndarray, detected: np.ndarray, quanta: float) -> Beam:
    """Merge fine energies into bins of equal open-beam signal, so that none is wasted."""
    share = np.cumsum(detected * energies)
    index = np.minimum((share / share[-1] * BINS).astype(int), BINS - 1)
    count = np.bincount(index, detected, BINS)
    energy = np.bincount(index, detected * energies, BINS)
    square = np.bincount(index, detected * energies**2, BINS)
    keep = count > 0
    count, energy, square = count[keep], energy[keep], square[keep]
    mean = energy / count
    table = np.stack([mass_attenuation(m.composition, mean) for m in MATERIALS])
    # Mean signal per photon is the unit: variance of N photons = N * E[s^2] / E[s]^2 / Swank.
    unit = energy.sum() / count.sum()
    return Beam(mean, energy / energy.sum(), square / count.sum() / unit**2 / SWANK, table, quanta)


def transmission(beam_: Beam, areal: dict[int, float]) -> float:
    """Detector signal behind a stack of slabs, relative to the open beam.

    Args:
        beam_: the beam.
        areal: areal density in g/cm2 by material index.
    """
    exponent = sum(beam_.attenuation[index] * mass for index, mass in areal.items())
    return float(np.sum(beam_.signal * np.exp(-exponent)))
