"""The state of every channel as arrays, kept up to date batch by batch."""
