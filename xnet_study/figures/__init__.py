"""Saved numbers to figures."""
