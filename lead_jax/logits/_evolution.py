"""Where the logits go: closed forms of gradient flow on the squared loss.

Under the NTK the logits obey dF/dt = -eta Phi dL/dF, F_0 = log_init (Hu et al., LEAD,
CVPR 2024, Eq. 5). For the squared loss dL/dF = F - Y, and

  F_t = (I - e^{-eta Phi t}) Y + e^{-eta Phi t} log_init                      (Eq. 6).

LEAD replaces Phi by one number per class, its kernel's mean eigenvalue, so that every
sample moves on the segment from log_init to its one-hot label                (Eq. 7).

Only the product eta t enters, so it is one argument. 1 - e^{-x} is computed by `expm1`:
with rates of 1e4 and the paper's unit of 1e-6 it would otherwise lose half its digits.
"""

import functools

import jax
import jax.numpy as jnp

from lead_jax.checks import Rule, check_arguments
from lead_jax.numerics import HIGHEST
from lead_jax.typing import Array, Float, Int


def interpolate_to_targets(
  logits_0: Float[Array, "n k"],
  targets: Float[Array, "n k"],
  exponent: Float[Array, " n"],
) -> Float[Array, "n k"]:
  """Computes `(1 - e^{-x}) targets + e^{-x} logits_0` for each sample's exponent x."""
  x = exponent[:, None]
  return -jnp.expm1(-x) * targets + jnp.exp(-x) * logits_0


@check_arguments(
  logits_0=Rule(finite=False), lambda_c=None, eta_t=Rule(least=0, finite=False)
)
def evolve_class_aware(
  logits_0: Float[Array, "n k"],
  labels: Int[Array, " n"],
  lambda_c: Float[Array, " k"],
  eta_t: Float[Array, ""] | float,
) -> Float[Array, "n k"]:
  """Jumps to time t with one rate per class.

  Args:
    logits_0: Initial logits, one row per sample.
    labels: Class of each sample.
    lambda_c: Mean eigenvalue of each class's kernel.
    eta_t: Learning rate times time; zero returns `logits_0`, infinity the labels.

  Returns:
    Predicted logits at time t.

  References:
    Hu et al., LEAD, Eq. 7.
  """
  targets = jax.nn.one_hot(labels, logits_0.shape[1], dtype=logits_0.dtype)
  exponent = (eta_t * lambda_c)[labels].astype(logits_0.dtype)
  return interpolate_to_targets(logits_0, targets, exponent)


@check_arguments(logits_0=Rule(finite=False), coefficient=Rule(finite=False))
def evolve_constant(
  logits_0: Float[Array, "n k"],
  labels: Int[Array, " n"],
  coefficient: Float[Array, ""] | float,
) -> Float[Array, "n k"]:
  """Moves every sample by the same part of its way, whatever its kernel.

  Args:
    logits_0: Initial logits.
    labels: Class of each sample.
    coefficient: What stays of `logits_0`, in place of e^{-eta lambda t}, in [0, 1].

  References:
    Hu et al., LEAD, Appendix C.2, "Constant" (c in 0.1, 0.3, 0.5, 0.7, 0.9).
  """
  targets = jax.nn.one_hot(labels, logits_0.shape[1], dtype=logits_0.dtype)
  return (1 - coefficient) * targets + coefficient * logits_0


@check_arguments(logits_0=Rule(finite=False), eta_t=Rule(least=0))
def evolve_full_kernel(
  logits_0: Float[Array, "n k"],
  labels: Int[Array, " n"],
  kernel: Float[Array, "n n"],
  eta_t: Float[Array, ""] | float,
) -> Float[Array, "n k"]:
  """Jumps to time t with the whole kernel, through its eigenbasis.

  O(N^3) work and O(N^2) memory: for up to some thousand samples.

  Args:
    logits_0: Initial logits.
    labels: Class of each sample.
    kernel: Symmetric positive semi-definite; the same for every logit.
    eta_t: Learning rate times time.

  Returns:
    Predicted logits at time t; equal to neural-tangents' `gradient_descent_mse` on the
    training points with its loss scaled to a sum.

  References:
    Hu et al., LEAD, Eq. 6.
  """
  targets = jax.nn.one_hot(labels, logits_0.shape[1], dtype=logits_0.dtype)
  eigenvalues, basis = jnp.linalg.eigh(kernel)  # of its symmetric part
  # Rounding makes zero eigenvalues slightly negative, which would grow instead of stay.
  decay = jnp.expm1(-eta_t * jnp.maximum(eigenvalues, 0))
  matmul = functools.partial(jnp.matmul, precision=HIGHEST)
  gap = logits_0 - targets
  moved: Array = matmul(basis, decay[:, None] * matmul(basis.T, gap))
  return logits_0 + moved
