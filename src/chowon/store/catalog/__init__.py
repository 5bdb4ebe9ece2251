"""The catalog: sites, meters, channels, tokens, and which lake files count. SQLite or PostgreSQL."""
