"""How the catalog's tables came to be, step by step; `engine.open_catalog` takes the missing steps."""
