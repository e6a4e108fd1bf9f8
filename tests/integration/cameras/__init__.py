"""Streams of simulated cameras through the real drivers."""
