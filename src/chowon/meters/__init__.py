"""One file a protocol: bytes or payload in, readings by name out."""
