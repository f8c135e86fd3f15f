"""What the kernels ask of a network and its inputs, checked before anything is computed.

Two sorts of checks. Shapes and dtypes are known under `jit` too, and always checked.
Values are not known there: that no row influences another is checked only where parameters
and inputs are concrete, by outputs and one gradient of at most 32 rows, together and each
alone.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lead_jax.checks import (
  InputError,
  check_digits,
  one_line,
  plain_array,
)
from lead_jax.typing import Array, Params

_ROWS = 32
# Of the largest output: what a product may change by when it has another number of rows.
_ROUNDING = {"float64": 1e-6, "float32": 1e-2}
_ROUNDING_OF_16_BITS = 0.1


def as_array(values: Any, name: str) -> Array:
  """Returns what a caller gave as a JAX array.

  Args:
    values: An array of any library (see `checks.plain_array`), or nested lists.
    name: What the message calls it.

  Raises:
    InputError: If it is no array of numbers.
  """
  if isinstance(values, list | tuple):
    array = _of_list(values, name)
  else:
    known = isinstance(values, jax.Array)
    array = values if known else _as_jax(plain_array(values, name), name)
  if not (_is(array, jnp.number) or array.dtype == bool):
    raise InputError(f"{name} must be numbers, got dtype {array.dtype}")
  return array


def as_features(values: Any, name: str, dim: int | None = None) -> Array:
  """Returns features [N, D] in at least 32 bits: squared norms leave the range of 16.

  Args:
    values: As `as_array` takes them; integers become floats.
    name: What the message calls them.
    dim: D, where it is known.

  Raises:
    InputError: If they are not a real matrix of that width; of a NumPy array also if
      values are not finite, or rounded until nothing tells rows apart.
  """
  array = as_array(values, name)
  if array.ndim != 2:
    raise InputError(f"{name} must have shape [N, D], got {list(array.shape)}")
  if dim is not None and array.shape[1] != dim:
    raise InputError(f"{name} must have {dim} columns, got {array.shape[1]}")
  if _is(array, jnp.complexfloating):
    raise InputError(f"{name} must be real numbers, got dtype {array.dtype}")
  features = array.astype(jnp.promote_types(array.dtype, jnp.float32))
  _check_values(values, features, name)
  return features


def as_inputs(values: Any, name: str, like: Array | None = None) -> Array:
  """Returns a network's inputs [N, ...].

  Args:
    values: As `as_array` takes them; of any dtype that the network takes.
    name: What the message calls them.
    like: Other inputs, of which these must be further rows.

  Raises:
    InputError: If there is no row, or rows are not like the others; of a NumPy array also
      if values are not finite, or rounded until nothing tells rows apart.
  """
  array = as_array(values, name)
  if array.ndim == 0 or array.shape[0] == 0:
    raise InputError(
      f"{name} must have at least one row, got shape {list(array.shape)}"
    )
  _check_values(values, array, name)
  if like is None:
    return array
  if array.shape[1:] != like.shape[1:]:
    raise InputError(
      f"rows of {name} have shape {list(array.shape[1:])} but those of x1 have "
      f"{list(like.shape[1:])}: give both alike"
    )
  if array.dtype != like.dtype and not (
    _is(array, jnp.floating) and _is(like, jnp.floating)
  ):
    raise InputError(
      f"{name} is {array.dtype} but x1 is {like.dtype}: give both in one dtype"
    )
  return array


def _check_values(given: Any, kept: Array, name: str) -> None:
  """Looks at what a caller has; what JAX computed is the caller's own, and may be traced.

  Raises:
    InputError: If an array of NumPy is not finite in JAX's type, or is rounded in it until
      nothing tells rows apart.
  """
  if (
    not isinstance(given, np.ndarray) or not given.size or given.dtype.kind not in "fiu"
  ):
    return
  with np.errstate(over="ignore"):
    values = given.astype(kept.dtype, copy=False)  # under jit JAX has no value of it
  if given.dtype.kind == "f" and not np.isfinite(values).all():
    raise InputError(
      f"{name} hold NaN, infinity or numbers beyond {values.dtype}: remove those rows, or "
      "divide by a number first"
    )
  rows = len(given)
  check_digits(given.reshape(rows, -1), values.reshape(rows, -1), name)


def as_params(params: Params) -> Params:
  """Returns parameters with leaves that a gradient can be taken over.

  Raises:
    InputError: If there is none, or a leaf is not a real floating-point array.
  """
  if not jax.tree.leaves(params):
    raise InputError("params must have at least one array to take the gradient over")

  def checked(path: Any, leaf: Any) -> Array:
    name = f"params{jax.tree_util.keystr(path)}"
    array = as_array(leaf, name)
    if not _is(array, jnp.floating):
      raise InputError(
        f"{name} is {array.dtype}: the gradient needs floating-point parameters; keep "
        "others out of params, as constants of apply_fn"
      )
    return array

  return jax.tree_util.tree_map_with_path(checked, params)


def check_network(
  apply_fn: Callable[[Params, Array], Array], params: Params, x: Array
) -> int:
  """Checks that a network maps rows to rows, each by itself.

  Args:
    apply_fn: The network.
    params: As `as_params` returns them.
    x: As `as_inputs` returns them.

  Returns:
    The number of outputs K.

  Raises:
    InputError: If the output is not one real array [N, K], differs from call to call, or
      depends, for a row, on the other rows (of which the first and last are looked at).
  """
  output = jax.eval_shape(apply_fn, params, x)
  num_outputs = _check_output(output, x.shape[0])
  leaves = [*jax.tree.leaves(params), x]
  if not any(isinstance(leaf, jax.core.Tracer) for leaf in leaves):
    some = (
      x if len(x) <= _ROWS else jnp.concatenate([x[: _ROWS // 2], x[-_ROWS // 2 :]])
    )
    _check_rows(apply_fn, params, some)
  return num_outputs


def check_count(value: int, name: str) -> None:
  """Refuses what is no whole number of at least 1."""
  if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
    raise InputError(f"{name} must be at least 1, got {value!r}")


def check_widths(hidden: Sequence[int]) -> None:
  """Refuses hidden layers that are no whole numbers of units."""
  if isinstance(hidden, int) or not all(
    isinstance(width, int | np.integer) and width > 0 for width in hidden
  ):
    raise InputError(
      f"hidden must be a list of whole numbers of at least 1, got {hidden!r}"
    )


def _check_output(output: Any, rows: int) -> int:
  """Returns K of an output [N, K], known by its shape."""
  if not hasattr(output, "shape"):
    kind = type(output).__name__
    raise InputError(
      f"apply_fn must return one array [N, K], got a {kind}: choose one of its values in "
      "apply_fn"
    )
  shape = list(output.shape)
  if len(shape) == 1:
    raise InputError(
      f"apply_fn must return shape [N, K], got {shape}: for one output per row give it "
      "an axis, output[:, None]"
    )
  if len(shape) != 2:
    raise InputError(
      f"apply_fn must return shape [N, K], got {shape}: flatten the outputs of a row, "
      "output.reshape(len(output), -1)"
    )
  if shape[0] != rows or shape[1] == 0:
    raise InputError(
      f"apply_fn must return shape [N, K] with K at least 1, got {shape} for {rows} rows"
    )
  if not _is(output, jnp.floating):
    raise InputError(
      f"apply_fn must return real floating-point outputs, got {output.dtype}"
    )
  return int(shape[1])


def _check_rows(
  apply_fn: Callable[[Params, Array], Array], params: Params, x: Array
) -> None:
  """Compares rows in their batch with the same rows alone: outputs, and gradients.

  Gradients tell what outputs cannot: of a last layer that is zero as it is initialised, or
  beside a large constant.
  """
  call: Callable[[Array], np.ndarray] = lambda rows: np.asarray(
    apply_fn(params, rows)
  ).astype(np.float64)
  dtype = jax.eval_shape(apply_fn, params, x).dtype
  together = call(x)
  tolerance = _ROUNDING.get(str(dtype), _ROUNDING_OF_16_BITS)
  scale = np.max(np.abs(together), initial=0, where=np.isfinite(together))
  differ: Callable[[np.ndarray, np.ndarray], bool] = lambda one, other: (
    not np.allclose(one, other, rtol=0, atol=tolerance * scale, equal_nan=True)
  )
  if differ(call(x), together):
    raise InputError(
      "apply_fn gives other outputs when called again: it must be deterministic, "
      "without dropout"
    )
  alone: Callable[[Params], Array] = lambda params: jax.vmap(
    lambda row: apply_fn(params, row[None])[0]
  )(x)
  outputs = np.asarray(alone(params)).astype(np.float64)
  for row in reversed(range(len(x))):
    if differ(outputs[row], together[row]):
      raise InputError(
        f"apply_fn gives row {row} another output alone than beside other rows: {_REMEDY}"
      )
  if not np.isfinite(together).all():
    return
  weights = jax.random.rademacher(jax.random.key(0), together.shape, dtype)
  # Not compiled: that would be done again at every call.
  beside, by_itself = (
    jax.grad(lambda p, f=f: jnp.sum(weights * f(p)))(params)
    for f in (lambda p: apply_fn(p, x), alone)
  )
  if _far_apart(beside, by_itself, tolerance):
    raise InputError(
      "apply_fn gives rows other gradients in the parameters alone than beside other "
      f"rows: {_REMEDY}"
    )


_REMEDY = (
  "rows must not influence each other; use batch norm and dropout in inference mode"
)


def _far_apart(one: Params, other: Params, tolerance: float) -> bool:
  """Whether an array of one gradient is another one in the other, beyond rounding."""
  pairs = [
    [np.asarray(leaf).astype(np.float64) for leaf in pair]
    for pair in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
  ]
  sizes = [np.linalg.norm(a) for a, _ in pairs]
  # Where a gradient is zero by its form, rounding of the others is all that it holds.
  floor = tolerance**2 * np.linalg.norm(sizes)
  return any(
    np.linalg.norm(a - b) > tolerance * size + floor
    for (a, b), size in zip(pairs, sizes, strict=True)
  )


def _is(array: Any, kind: Any) -> bool:
  return bool(jnp.issubdtype(array.dtype, kind))


def _of_list(values: Any, name: str) -> Array:
  """Lists may hold traced values, which NumPy cannot take."""
  try:
    return jnp.asarray(values)
  except Exception as error:  # JAX says in its own ways that it will not
    raise InputError(
      f"{name} cannot be made an array ({one_line(error, most=120)}): give a NumPy or JAX "
      "array, or nested lists of one length"
    ) from error


def _as_jax(array: np.ndarray, name: str) -> Array:
  if array.dtype.kind in "OSUVMm" and array.dtype.name != "bfloat16":
    raise InputError(f"{name} must be numbers, got dtype {array.dtype}")
  with np.errstate(over="ignore"):  # what becomes infinite is refused
    return jnp.asarray(array)
