"""Pages and interface of the workbench on real stores."""
