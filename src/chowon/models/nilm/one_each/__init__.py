"""Published networks, one for each appliance: what they share, so that each is its shape alone."""
