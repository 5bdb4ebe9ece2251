"""Doors that readings come in by, their checks, and the acknowledgement that they are durable."""
