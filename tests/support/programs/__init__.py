"""Random workflow programs: what a run asks for live, it asks for again in replay, in any process."""
