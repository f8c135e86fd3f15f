"""How far chance in the target images moves a ranking."""

from lead_jax.certainty.halves import LEAST_PER_CLASS, Halves, stratified_halves
from lead_jax.certainty.intervals import certainty_of

__all__ = ["LEAST_PER_CLASS", "Halves", "certainty_of", "stratified_halves"]
