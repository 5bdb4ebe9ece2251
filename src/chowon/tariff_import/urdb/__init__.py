"""Rates of the US Utility Rate Database (OpenEI), API versions 7 and 8. Start with `imported`."""

from chowon.tariff_import.urdb.document import Imported, imported
from chowon.tariff_import.urdb.wishes import Wishes

__all__ = ["Imported", "Wishes", "imported"]
