"""`python -m experiments.check_held_out`: leave-one-out formulas against N trainings.

On a small problem (40 samples, a kernel of a linear and a local part) every sample is left
out in turn and the others are trained on by gradient flow for a time, each time with a
decomposition of its own. Printed, by time: how far from that are the contour integral that
`lead_held_out` uses (float64 and float32), the formula of ridge regression with the flow's
own smoother in it, and ridge regression with the ridge 1 / (eta t); as shares of the
largest logit.
"""

import sys
from collections.abc import Sequence

from absl import flags

from lead_jax.commands import run_script

FLAGS = flags.FlagValues()

_SAMPLES, _CLASSES = 40, 3
_TIMES = (0.01, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0, 1e4)


def table() -> str:
  """Returns the table."""
  import jax
  import jax.numpy as jnp
  import numpy as np

  from lead_jax import logits

  rng = np.random.default_rng(0)
  y = np.arange(_SAMPLES) % _CLASSES
  x = rng.standard_normal((_SAMPLES, 7)) + rng.standard_normal((_CLASSES, 7))[y]
  distance = np.square(x[:, None] - x[None]).sum(axis=-1)
  kernel = x @ x.T / 7 + 0.3 * np.exp(-distance / 14)
  targets = np.eye(_CLASSES)[y]

  def trained_without_each(eta_t, function):
    rows = []
    for i in range(_SAMPLES):
      rest = np.delete(np.arange(_SAMPLES), i)
      s, u = np.linalg.eigh(kernel[np.ix_(rest, rest)])
      inner = function(s, eta_t)[:, None] * (u.T @ targets[rest])
      rows.append(kernel[i, rest] @ u @ inner)
    return np.stack(rows)

  def contour(dtype, eta_t):
    spectrum = logits.kernel_spectrum(jnp.asarray(kernel, dtype))
    return np.asarray(
      logits.held_out_flow(
        spectrum, jnp.asarray(targets, dtype), jnp.asarray(eta_t, dtype)
      )
    )

  values, vectors = np.linalg.eigh(kernel)
  lines = [f"{'eta t':>8} {'float64':>9} {'float32':>9} {'formula':>9} {'ridge':>9}"]
  with jax.enable_x64(True):
    for eta_t in _TIMES:
      true = trained_without_each(eta_t, lambda s, t: -np.expm1(-t * s) / s)
      ridge = trained_without_each(eta_t, lambda s, t: 1 / (s + 1 / t))
      residual = np.exp(-eta_t * values)
      top = vectors @ (residual[:, None] * (vectors.T @ targets))
      formula = targets - top / (vectors**2 @ residual)[:, None]
      found = (contour(np.float64, eta_t), contour(np.float32, eta_t), formula, ridge)
      errors = [np.abs(one - true).max() / np.abs(true).max() for one in found]
      lines.append(f"{eta_t:8g} " + " ".join(f"{error:9.1e}" for error in errors))
  return "\n".join(lines)


def main(argv: Sequence[str]) -> int:
  """Prints the table; returns the exit code."""
  work = lambda: f"{table()}\n"
  return run_script(FLAGS, "experiments.check_held_out", __doc__, work, argv)


if __name__ == "__main__":
  sys.exit(main(sys.argv))
