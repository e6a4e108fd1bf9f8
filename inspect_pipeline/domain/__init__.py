"""Material, defects, verdicts and the rules that judge them; standard library and NumPy only."""
