"""Requests that only read, answered after a read index."""
