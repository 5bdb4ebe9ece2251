"""Recordings of real homes, and the meter that plays one as if it were happening now."""
