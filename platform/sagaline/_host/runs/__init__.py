"""Workflow code of a partition's runs: activations, instances in memory, payloads opened and sealed."""
