"""Rates of other data bases as tariffs of ours: one package a source. Nothing is left out in silence."""
