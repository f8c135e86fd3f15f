"""Numerical choices that all the mathematics shares."""

import jax

# Precision of every matrix product: a GPU or TPU would else round inputs to fewer digits.
HIGHEST = jax.lax.Precision.HIGHEST
