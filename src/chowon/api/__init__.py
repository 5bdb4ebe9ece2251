"""HTTP and WebSocket: one file a resource."""
