"""Spectra and attenuation against tables."""

from __future__ import annotations

import numpy as np
import pytest

from simulation.materials import INDEX, MATERIALS
from simulation.physics import BINS, beam, detector_efficiency, mass_attenuation, transmission


# NIST XCOM with coherent scatter (physics.nist.gov/PhysRefData/XrayMassCoef), 30, 60, 100 keV.
@pytest.mark.parametrize(
    "name, table",
    [
        ("muscle", (0.3783, 0.2048, 0.1693)),
        ("cortical", (1.331, 0.3148, 0.1855)),
        ("fat", (0.3063, 0.1974, 0.1688)),
        ("brain", (0.3820, 0.2058, 0.1701)),
    ],
)
def test_attenuation_agrees_with_nist(name, table):
    mu = mass_attenuation(MATERIALS[INDEX[name]].composition, np.array([30.0, 60.0, 100.0]))
    assert mu == pytest.approx(np.array(table), rel=0.02)


def test_fractions_sum_to_one():
    for material in MATERIALS:
        if material.name not in ("plaster", "textile"):
            assert sum(material.composition.values()) == pytest.approx(1, abs=0.003), material.name


def test_beam_is_normalised():
    rays = beam(80.0)
    assert rays.energies_kev.shape == (BINS,) and rays.attenuation.shape == (len(MATERIALS), BINS)
    assert rays.signal.sum() == pytest.approx(1)
    assert (np.diff(rays.energies_kev) > 0).all() and rays.energies_kev[-1] < 80
    assert 1.15 < rays.square.sum() < 1.5  # 1 / Swank, times the spread of energies
    assert 1e4 < rays.quanta_per_ugy_mm2 < 4e4


def test_beam_hardens():
    muscle = INDEX["muscle"]
    first = -np.log(transmission(beam(70.0), {muscle: 1.0}))
    tenth = -np.log(transmission(beam(70.0), {muscle: 10.0})) / 10
    assert tenth < first
    assert transmission(beam(110.0), {muscle: 10}) > transmission(beam(50.0), {muscle: 10})


def test_detector_absorbs_most_soft_photons():
    efficiency = detector_efficiency(np.array([30.0, 60.0, 100.0]))
    assert (efficiency > [0.8, 0.6, 0.3]).all() and (np.diff(efficiency) < 0).all()


def test_voltage_is_checked():
    with pytest.raises(ValueError, match="outside"):
        beam(20.0)
