"""chowon (초원): from every second of electricity to every won of the bill."""

__version__ = "0.1.0"
