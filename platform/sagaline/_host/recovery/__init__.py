"""Restores a partition's state from history, claims it, and keeps warm copies."""
