"""The papers' tables from this package's own runs: what `experiments.reproduce` does."""
