"""Telling appliances apart behind one meter: power on a grid, runs, scores, and who may see which home."""
