"""The deterministic runtime: activations in, commands out; no I/O, no clock, no randomness of its own."""
