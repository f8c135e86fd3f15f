"""Tests of lead_jax. What is set here must be set before NumPy is first imported."""

import os

# Two workers with two threads of linear algebra each wait for one another: small
# factorisations take several times as long.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
