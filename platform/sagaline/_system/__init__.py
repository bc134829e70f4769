"""Durable entities of the platform: ordinary workflows, written with the public API, that every worker has."""
