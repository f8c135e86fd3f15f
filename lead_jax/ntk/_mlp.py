"""Closed forms for the MLP head: kernel, diagonal, expectation. No Jacobian is formed.

LEAD needs the kernel of the summed logits (Hu et al., CVPR 2024, Eq. 24)

  Phi_uv = <grad_theta sum_k F_k(x_u), grad_theta sum_k F_k(x_v)>.

Derivation. For a layer z_l = s_l W_l^T a_{l-1} + b_l, a_l = relu(z_l), a_0 = x, top layer
L, write delta_l = d(sum_k F_k)/dz_l. Then dF/dW_l = s_l a_{l-1} delta_l^T (an outer
product) and dF/db_l = delta_l, so the inner product of two samples' gradients factors:

  Phi_uv = sum_l (delta_l,u . delta_l,v) (s_l^2 a_{l-1,u} . a_{l-1,v} + 1).

At the top delta_L = 1 (K ones), hence the factor K; below, backpropagation gives
delta_l = (s_{l+1} W_{l+1} delta_{l+1}) * 1[z_l > 0]. For the paper's two hidden layers:

  Phi_uv = K (a2_u.a2_v + 1) + (delta2_u.delta2_v)(a1_u.a1_v + 1)
           + (delta1_u.delta1_v)(x_u.x_v + 1).

One forward and one backward pass replace the [N, P] Jacobian; the diagonal needs norms
alone, O(N P/S) instead of any kernel.

Expectation over heads. Let the effective weights s_l W_l have variance v_l, biases
variance c_l, all symmetric and independent. Flipping the sign of one unit's weights and
bias flips its z and leaves its squares alone, so E[z^2 1[z > 0]] = E[z^2] / 2 and
E[W^2 1[z > 0]] = E[W^2] / 2 *exactly*, at any width. Forwards,
E|a_l|^2 = n_l (v_l E|a_{l-1}|^2 + c_l) / 2; backwards,
E|delta_L|^2 = K and E|delta_l|^2 = n_l v_{l+1} E|delta_{l+1}|^2 / 2, whatever the layers
below are; so the products factor. With He-normal weights (v_l = 2 / n_{l-1}) every
E|delta_l|^2 = K and E|a_l|^2 = n_l |x|^2 / D, and

  E Phi_uu = K [ (D + n_1 + ... + n_{L-1}) |x_u|^2 / D + L ].

The expected mean eigenvalue of a class is therefore an affine function of the class's
mean squared feature norm and of nothing else: what the paper calls the class's rate of
convergence is, in expectation, how large its features are.
"""

from collections.abc import Callable
from typing import cast

import jax.numpy as jnp

from lead_jax.checks import check_arguments
from lead_jax.ntk import _contract as contract, _heads as heads
from lead_jax.numerics import HIGHEST
from lead_jax.typing import Array, ArrayLike, Float, Params


def _forward_backward(
  params: Params, x: Array, initializer: heads.Initializer
) -> list[tuple[Array, Array, float]]:
  """Returns [(delta_l [N, n_l], a_{l-1} [N, n_{l-1}], s_l), ...] for every layer."""
  layers = heads.head_layers(params)
  scales = [heads.layer_scales(initializer, w.shape[0]).forward for w, _ in layers]
  activations, masks = [x], []
  for (w, b), s in zip(layers[:-1], scales[:-1], strict=True):
    z = s * jnp.matmul(activations[-1], w, precision=HIGHEST) + b[None, :]
    masks.append(z > 0)
    activations.append(jnp.maximum(z, 0))
  # delta of the top layer is all ones, so below it the pass starts from the row sums.
  top_kernel, _ = layers[-1]
  deltas = [jnp.ones((x.shape[0], top_kernel.shape[1]), x.dtype)]
  if masks:
    row_sums = scales[-1] * jnp.sum(top_kernel, axis=1)
    deltas.append(jnp.where(masks[-1], row_sums[None, :], 0))
  for index in range(len(masks) - 1, 0, -1):
    w, _ = layers[index]
    below = scales[index] * jnp.matmul(deltas[-1], w.T, precision=HIGHEST)
    deltas.append(jnp.where(masks[index - 1], below, 0))
  return list(zip(reversed(deltas), activations, scales, strict=True))


@check_arguments()
def head_kernel(
  params: Params,
  x1: ArrayLike,
  x2: ArrayLike | None = None,
  *,
  initializer: heads.Initializer = "he_normal",
) -> Float[Array, "n1 n2"]:
  """Computes the summed-logit NTK of an MLP head in closed form.

  Args:
    params: Parameters of an `MLPHead`.
    x1: Features [N1, D].
    x2: Features [N2, D]; `x1` where None.
    initializer: The parameterisation the head was drawn with.

  Returns:
    Symmetric positive semi-definite where x2 is None; units of squared gradient.

  Raises:
    InputError: If features are not [N, D] or `params` are not those of such a head.

  References:
    Hu et al., LEAD, CVPR 2024, Eq. 24.
  """
  dim = heads.feature_width(params)
  x1 = contract.as_features(x1, "x1", dim)
  x2 = None if x2 is None else contract.as_features(x2, "x2", dim)
  first = _forward_backward(params, x1, initializer)
  second = first if x2 is None else _forward_backward(params, x2, initializer)
  dot: Callable[[Array, Array], Array] = lambda u, v: jnp.matmul(
    u, v.T, precision=HIGHEST
  )
  terms = (
    dot(delta_1, delta_2) * (s**2 * dot(a_1, a_2) + 1)
    for (delta_1, a_1, s), (delta_2, a_2, _) in zip(first, second, strict=True)
  )
  return cast(Array, sum(terms))  # a head has a layer


@check_arguments()
def head_kernel_diagonal(
  params: Params,
  x: ArrayLike,
  *,
  initializer: heads.Initializer = "he_normal",
) -> Float[Array, " n"]:
  """Computes the diagonal of `head_kernel`: squared norms of the per-sample gradients.

  Its mean over a class is the mean eigenvalue of the class's kernel (trace over size),
  which is all that Eq. 7 needs.

  Args:
    params: Parameters of an `MLPHead`.
    x: Features [N, D].
    initializer: The parameterisation the head was drawn with.

  Raises:
    InputError: As `head_kernel`.
  """
  x = contract.as_features(x, "x", heads.feature_width(params))
  square: Callable[[Array], Array] = lambda u: jnp.sum(u * u, axis=1)
  layers = _forward_backward(params, x, initializer)
  terms = (square(delta) * (s**2 * square(a) + 1) for delta, a, s in layers)
  return cast(Array, sum(terms))  # a head has a layer


@check_arguments()
def expected_head_kernel_diagonal(
  squared_norms: Float[Array, "*n"],
  *,
  dim: int,
  num_classes: int,
  hidden: tuple[int, ...] = (1024, 2048),
  initializer: heads.Initializer = "he_normal",
) -> Float[Array, "*n"]:
  """Computes the expectation of `head_kernel_diagonal` over randomly drawn heads.

  Exact at any width (see the derivation above), up to heads that are wholly dead.

  Args:
    squared_norms: |x|^2 of each sample, or their mean over a class (it is affine).
    dim: Feature width D.
    num_classes: Number of logits K.
    hidden: Hidden widths.
    initializer: How heads are drawn.

  Returns:
    E Phi_uu, same shape.

  Raises:
    InputError: If a width is no number of units.
  """
  contract.check_widths(hidden)
  widths = (dim, *hidden, num_classes)
  scales = [heads.layer_scales(initializer, n) for n in widths[:-1]]
  # backwards: expected |delta_l|^2, from the top
  deltas = [float(num_classes)]
  for width, above in zip(reversed(hidden), reversed(scales[1:]), strict=True):
    deltas.append(0.5 * width * above.weight_variance * deltas[-1])
  deltas.reverse()
  total = jnp.zeros_like(squared_norms)
  norms = squared_norms
  for width, delta, scale in zip(widths[1:], deltas, scales, strict=True):
    total = total + delta * (scale.forward**2 * norms + 1)
    norms = 0.5 * width * (scale.weight_variance * norms + scale.bias_variance)
  return total
