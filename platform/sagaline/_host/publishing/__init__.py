"""Messages that leave a partition, and dead letters."""
