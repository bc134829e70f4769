"""Retires what is needed no more."""
