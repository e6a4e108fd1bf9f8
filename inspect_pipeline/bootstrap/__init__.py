"""The one place that builds adapters and hands them to services."""
