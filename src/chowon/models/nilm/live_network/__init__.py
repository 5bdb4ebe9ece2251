"""The network that tells appliances while they run: causal, with a kept state for each home."""
