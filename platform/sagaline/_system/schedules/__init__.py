"""Schedules: runs that begin at due times. A schedule is a workflow, and each due time that fires is another."""
