"""What a worker measures of itself: it listens to the host's hooks, and nothing calls it by name."""
