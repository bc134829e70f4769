"""Attempts of local activities."""
