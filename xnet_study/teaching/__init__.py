"""What the notebooks show of networks and pictures."""
