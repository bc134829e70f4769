"""Tests of the example, by the test kit."""
