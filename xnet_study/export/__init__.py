"""XNet for other engines than Keras; each file is checked against the network."""
