"""Networks and classical methods that XNet is compared with."""
