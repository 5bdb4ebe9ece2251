"""Thin commands: one file a group; the work is elsewhere. Start at main.py."""
