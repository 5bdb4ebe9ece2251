"""The EnerTalk API v2 for old clients, read only, over our own sites: docs/reference/enertalk-api.md."""
