"""The operator's workbench: server-rendered pages and a REST interface over the same use cases."""
