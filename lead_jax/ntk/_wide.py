"""The kernel of a wide MLP head in closed form, for pairs of samples.

`head_kernel` is that of one drawn head, `expected_head_kernel_diagonal` gives the
expectation of its diagonal. Off the diagonal the expectation has a closed form where
widths are large: pre-activations are then Gaussian, and the two expectations that the
recursion needs are those of Cho and Saul's arc-cosine kernels. With z, z' Gaussian of
variances q, q' and correlation rho,

  E[relu(z) relu(z')] = sqrt(q q') k1(rho) / 2,
  E[1[z > 0] 1[z' > 0]] = k0(rho) / 2,   with u = arccos(rho) and
  k1 = (sqrt(1 - rho^2) + (pi - u) rho) / pi,   k0 = (pi - u) / pi.

In the notation of `_mlp.py` (a_l activations, delta_l gradients of the summed logits by
pre-activations, v_l and c_l variances of effective weights and of biases, s_l the forward
factor) this gives, forwards and backwards,

  cov_l = v_l a_{l-1}.a'_{l-1} + c_l,   a_l.a'_l = n_l sqrt(q_l q'_l) k1(rho_l) / 2,
  delta_l.delta'_l = n_l v_{l+1} k0(rho_l) delta_{l+1}.delta'_{l+1} / 2,
  delta_L.delta'_L = K,

  Phi(x, x') = sum_l (delta_l.delta'_l) (s_l^2 a_{l-1}.a'_{l-1} + 1).

Samples of a data set are often nearly parallel: rho is then 1 up to rounding, and arccos is
steep there. So the recursion never forms rho but its gap g = 1 - rho, which the first layer
gets from the differences of the directions (`statistics.cosine_gaps`):

  u = 2 atan2(sqrt(g), sqrt(2 - g)),
  1 - k1 = g - (sin u - u cos u) / pi, the bracket as a series where u is small,
  1 - rho_l = (v c (sqrt(q) - sqrt(q'))^2 / (p p' + c + v r) + v r g) / (p p')

with q, q' the squared norms that come in, g their gap, r = sqrt(q q'), p = sqrt(v q + c).

The widths stay in the formula: they weigh the layers against each other. On the diagonal
rho = 1, and it is `expected_head_kernel_diagonal`, exact at any width. Nothing is drawn,
so what is made of this kernel has no seed.

References:
  Cho and Saul, Kernel Methods for Deep Learning, 2009, Eq. 4, 6 and 7.
  Sohl-Dickstein et al., On the infinite width limit of neural networks with a standard
  parameterization, 2020.
"""

import math
from collections.abc import Callable

import jax.numpy as jnp

from lead_jax.checks import check_arguments
from lead_jax.ntk import _contract as contract, _heads as heads
from lead_jax.numerics import HIGHEST
from lead_jax.statistics import cosine_gaps
from lead_jax.typing import Array, ArrayLike, Float


@check_arguments()
def wide_head_kernel(
  x1: ArrayLike,
  x2: ArrayLike | None = None,
  *,
  num_classes: int = 1,
  hidden: tuple[int, ...] = (1024, 2048),
  initializer: heads.Initializer = "he_normal",
) -> Float[Array, "n1 n2"]:
  """Computes the expected summed-logit kernel of wide MLP heads.

  Args:
    x1: Features [N1, D].
    x2: Features [N2, D]; `x1` where None.
    num_classes: K. The kernel of a single logit is that of K = 1: logits decouple.
    hidden: Hidden widths n_l; none is a linear head.
    initializer: How heads are drawn.

  Returns:
    Symmetric positive semi-definite where x2 is None; units of squared gradient.

  Raises:
    InputError: If features are not [N, D] or a width is no number of units.
  """
  contract.check_widths(hidden)
  x1 = contract.as_features(x1, "x1")
  other = x1 if x2 is None else contract.as_features(x2, "x2", x1.shape[1])
  squared_norms: Callable[[Array], Array] = lambda x: jnp.sum(x * x, axis=1)
  dots = jnp.matmul(x1, other.T, precision=HIGHEST)
  gap = cosine_gaps(x1, None if x2 is None else other)
  left, right = squared_norms(x1), squared_norms(other)
  scales = [heads.layer_scales(initializer, n) for n in (x1.shape[1], *hidden)]
  terms, both_active = [], []  # by layer, from below
  for width, scale in zip(hidden, scales[:-1], strict=True):
    terms.append(scale.forward**2 * dots + 1)
    variance, shift = scale.weight_variance, scale.bias_variance
    q1, q2 = variance * left + shift, variance * right + shift
    gap = _shifted_gap(gap, left, right, variance, shift)
    norms = jnp.sqrt(q1)[:, None] * jnp.sqrt(q2)[None, :]
    # Stable at both ends; a sample without any norm has no active unit.
    angle = 2 * jnp.arctan2(jnp.sqrt(gap), jnp.sqrt(2 - gap))
    both_active.append(jnp.where(norms > 0, (jnp.pi - angle) / jnp.pi, 0))
    gap = gap - _excess(angle, gap) / jnp.pi
    left, right = 0.5 * width * q1, 0.5 * width * q2
    dots = 0.5 * width * norms * (1 - gap)
  terms.append(scales[-1].forward ** 2 * dots + 1)
  total = terms[-1]
  backward = jnp.ones_like(total)
  for index in range(len(hidden) - 1, -1, -1):
    variance = scales[index + 1].weight_variance
    backward = backward * (0.5 * hidden[index] * variance) * both_active[index]
    total = total + backward * terms[index]
  return num_classes * total


def _shifted_gap(
  gap: Array, left: Array, right: Array, variance: float, shift: float
) -> Array:
  """Returns one minus the correlation of pre-activations, given that of what comes in."""
  if not shift:
    return gap
  root1, root2 = jnp.sqrt(left)[:, None], jnp.sqrt(right)[None, :]
  inner = variance * root1 * root2
  outer = jnp.sqrt((variance * root1**2 + shift) * (variance * root2**2 + shift))
  apart = variance * shift * (root1 - root2) ** 2 / (outer + shift + inner)
  return jnp.clip((apart + inner * gap) / outer, 0, 2)


def _excess(angle: Array, gap: Array) -> Array:
  """Returns sin u - u cos u, which cancels where u is small; `gap` is 1 - cos u."""
  square = angle**2
  series = jnp.zeros_like(angle)
  for n in range(6, 0, -1):
    series = series * square + (-1) ** (n + 1) * 2 * n / math.factorial(2 * n + 1)
  direct = jnp.sqrt(gap * (2 - gap)) - angle * (1 - gap)
  return jnp.where(angle < 0.25, series * square * angle, direct)
