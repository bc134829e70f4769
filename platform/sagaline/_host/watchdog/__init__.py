"""What happens when the event loop stands still: said, interrupted, given up, and not run again after a restart."""
