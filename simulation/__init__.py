"""Simulated radiographs: how the default data set was made."""
