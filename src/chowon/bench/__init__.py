"""Measurements that anyone can repeat: `chowon bench …`."""
