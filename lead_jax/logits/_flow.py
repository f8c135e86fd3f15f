"""Where the logits go under the cross-entropy loss, which has no closed form.

dF/dt = -eta Phi (softmax(F) - Y) (Hu et al., LEAD, CVPR 2024, Eq. 5 with the loss that
fine-tuning really minimises; the paper solves it for the squared loss only). Integrated
by diffrax with an adaptive explicit method: the field is smooth, its Jacobian is bounded
by half the largest eigenvalue and shrinks as the samples are fitted.
"""

from typing import Any

import jax
import jax.numpy as jnp

from lead_jax.checks import Rule, check_arguments
from lead_jax.numerics import HIGHEST
from lead_jax.typing import Array, Float, Int

_MAX_STEPS = 16_384


@check_arguments(eta_t=Rule(least=0), tolerance=Rule(above=0))
def cross_entropy_flow(
  logits_0: Float[Array, "n k"],
  labels: Int[Array, " n"],
  kernel: Float[Array, "n n"] | Float[Array, " n"],
  eta_t: Float[Array, ""] | float,
  *,
  tolerance: float = 1e-5,
) -> Float[Array, "n k"]:
  """Integrates the cross-entropy flow to time t.

  Args:
    logits_0: Initial logits.
    labels: Class of each sample.
    kernel: The kernel Phi[N, N], or one rate per sample [N] (Eq. 7's reading).
    eta_t: Learning rate times time; at least zero.
    tolerance: Relative and absolute error of a step.

  Returns:
    Predicted logits at time t. They grow like log(t) and never reach the labels.

  Raises:
    RuntimeError: If the integration needs more than 16,384 steps.
  """
  import diffrax

  targets = jax.nn.one_hot(labels, logits_0.shape[1], dtype=logits_0.dtype)

  def field(_: Any, logits: Array, scaled_kernel: Array) -> Array:
    residual = jax.nn.softmax(logits, axis=1) - targets
    if scaled_kernel.ndim == 1:
      return -scaled_kernel[:, None] * residual
    return -jnp.matmul(scaled_kernel, residual, precision=HIGHEST)

  # Time runs over [0, 1] and eta t scales the kernel, so eta t may be traced.
  solution = diffrax.diffeqsolve(
    diffrax.ODETerm(field),
    diffrax.Tsit5(),
    t0=jnp.zeros((), logits_0.dtype),
    t1=jnp.ones((), logits_0.dtype),
    dt0=None,
    y0=logits_0,
    args=jnp.asarray(eta_t, logits_0.dtype) * kernel.astype(logits_0.dtype),
    stepsize_controller=diffrax.PIDController(rtol=tolerance, atol=tolerance),
    max_steps=_MAX_STEPS,
  )
  logits_t: Array = solution.ys[-1]
  return logits_t
