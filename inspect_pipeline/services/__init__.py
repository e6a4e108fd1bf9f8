"""Use cases: load through a port, ask the domain, save."""
