"""Calibration, thresholds and what they promise."""
