"""The study behind tables and figures."""
