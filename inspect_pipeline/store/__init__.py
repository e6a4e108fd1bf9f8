"""Rows, image files and registered models on disk, SQL and MLflow."""
