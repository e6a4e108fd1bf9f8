"""Prefect, and only here: the work in order, with retries, schedules and artifacts; ``python -m flows`` starts it."""
