"""One small network for all appliances: what it learns from, its shape, its training, and how it tells."""
