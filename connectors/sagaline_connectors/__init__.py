"""Connectors to existing services; see README.md in this folder for what will be here."""
