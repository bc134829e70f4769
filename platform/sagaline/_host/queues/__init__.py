"""Workers of task queues: they run activities, and nothing else."""
