"""Exact empirical kernels of any Flax (or imported) apply function.

Three kinds, all on neural-tangents: the full kernel, its trace over outputs, and the
kernel of the summed logits that LEAD approximates it by. They cost a Jacobian per sample
and are the oracles of the closed forms (`ntk.head_kernel`); use those for the head itself.

`squared_gradient_norms` is the diagonal of the summed-logit kernel for networks too large
for that: one reverse pass per sample, nothing kept but the norm, so it also serves with the
backbone's parameters included.

Kernels of single rows are what is computed, so a row's output must not depend on other
rows. Where values are known (outside `jit`) a few rows are checked; under `jit` only shapes
and dtypes are.
"""

import math
from collections.abc import Callable
from typing import Literal

import jax
import jax.numpy as jnp

from lead_jax.checks import check_arguments
from lead_jax.ntk import _contract as contract, _neural_tangents as neural_tangents
from lead_jax.typing import Array, ArrayLike, Float, Params

Kind = Literal["full", "traced", "summed"]
Implementation = Literal["jacobian_contraction", "ntk_vector_products"]


def _blocks(x: Array, batch_size: int) -> Array:
  """Reshapes rows to [blocks, batch_size, ...], repeating the last row as padding."""
  count = math.ceil(x.shape[0] / batch_size)
  padding = [(0, count * batch_size - x.shape[0])] + [(0, 0)] * (x.ndim - 1)
  return jnp.pad(x, padding, mode="edge").reshape(count, batch_size, *x.shape[1:])


@check_arguments()
def empirical_ntk(
  apply_fn: Callable[[Params, Array], Array],
  params: Params,
  x1: ArrayLike,
  x2: ArrayLike | None = None,
  *,
  kind: Kind = "full",
  batch_size: int | None = None,
  implementation: Implementation = "jacobian_contraction",
) -> Float[Array, "n1 n2 ..."]:
  """Computes the empirical NTK of `apply_fn(params, x) -> [N, K]`.

  Args:
    apply_fn: Pure; rows of x must not influence each other (batch norm in inference).
    params: Any pytree of floating-point arrays; the gradient is taken over all of it.
    x1: Inputs [N1, ...], of any dtype that `apply_fn` takes.
    x2: Inputs [N2, ...], rows like those of x1; `x1` where None.
    kind: `full` for Theta[n1, n2, K, K]; `traced` for its trace over outputs
      sum_k Theta_kk [n1, n2]; `summed` for the kernel of sum_k F_k,
      sum_jk Theta_jk [n1, n2] (LEAD, Eq. 24).
    batch_size: Rows and columns computed at a time; memory is 2 x batch_size Jacobians.
      All at once where None.
    implementation: Which of neural-tangents' algorithms; equal in value.

  Returns:
    The kernel, in the dtype of the parameters.

  Raises:
    ValueError: If `kind`, `implementation` or `batch_size` is out of range.
    InputError: (a ValueError) If inputs or parameters are not as said, the output is not
      one real array [N, K], rows influence each other or `apply_fn` is not deterministic
      (both seen outside `jit` alone), or neural-tangents is not installed
      (`lead_jax[ntk]`).
  """
  x1 = contract.as_inputs(x1, "x1")
  x2 = x1 if x2 is None else contract.as_inputs(x2, "x2", like=x1)
  params = contract.as_params(params)
  # One row alone shows no influence.
  num_outputs = contract.check_network(apply_fn, params, x1 if len(x1) > 1 else x2)
  summed = lambda p, x: jnp.sum(apply_fn(p, x), axis=-1, keepdims=True)
  kernel_fn = neural_tangents.empirical_ntk_fn(
    summed if kind == "summed" else apply_fn,
    trace_axes=(-1,) if kind == "traced" else (),
    implementation=1 if implementation == "jacobian_contraction" else 2,
  )

  def kernel(rows: Array, columns: Array) -> Array:
    block = kernel_fn(rows, columns, params)
    if kind == "traced":
      return block * num_outputs  # neural-tangents returns the mean over outputs
    return block.squeeze((2, 3)) if kind == "summed" else block

  if batch_size is None:
    return kernel(x1, x2)
  columns = _blocks(x2, batch_size)
  # [row blocks, column blocks, batch, batch, ...]
  tiles = jax.lax.map(
    lambda rows: jax.lax.map(lambda cols: kernel(rows, cols), columns),
    _blocks(x1, batch_size),
  )
  tiles = jnp.moveaxis(tiles, 2, 1)
  joined = tiles.reshape(
    tiles.shape[0] * batch_size, tiles.shape[2] * batch_size, *tiles.shape[4:]
  )
  return joined[: x1.shape[0], : x2.shape[0]]


@check_arguments()
def squared_gradient_norms(
  apply_fn: Callable[[Params, Array], Array],
  params: Params,
  x: ArrayLike,
  *,
  batch_size: int = 1,
) -> Float[Array, " n"]:
  """Computes |grad_theta sum_k F_k(x_u)|^2 for every sample u.

  Args:
    apply_fn: Pure function of `(params, x[N, ...])` to `[N, K]`, as in `empirical_ntk`.
    params: Any pytree of floating-point arrays; head only, or backbone and head together.
    x: Inputs [N, ...].
    batch_size: Gradients held at a time; memory is batch_size x parameters.

  Returns:
    The diagonal of the `summed` kernel, in at least 32 bits.

  Raises:
    InputError: As `empirical_ntk`.
  """
  x = contract.as_inputs(x, "x")
  params = contract.as_params(params)
  contract.check_network(apply_fn, params, x)

  def one(sample: Array) -> Array | int:
    gradient = jax.grad(lambda p: jnp.sum(apply_fn(p, sample[None])))(params)
    wide: Callable[[Array], Array] = lambda leaf: leaf.astype(
      jnp.promote_types(leaf.dtype, jnp.float32)
    )
    return sum(jnp.sum(jnp.square(wide(leaf))) for leaf in jax.tree.leaves(gradient))

  norms: Array = jax.lax.map(one, x, batch_size=None if batch_size == 1 else batch_size)
  return norms
