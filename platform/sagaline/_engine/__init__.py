"""Decide and apply: pure functions over a state. No I/O, no clock, no randomness (import contracts hold it).

``decide`` reads and returns events; ``apply`` changes state by one record. Recovery is ``apply`` alone.
"""
