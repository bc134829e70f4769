"""Sagas: rollback of what their steps have done."""
