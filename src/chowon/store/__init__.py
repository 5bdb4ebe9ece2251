"""Journal, lake, catalog, and the queries over them."""
