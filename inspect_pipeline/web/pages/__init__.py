"""Pages for people: one file an area of the workbench."""
