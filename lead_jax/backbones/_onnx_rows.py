"""From what a network computes to one row per image; which value to take for features."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from lead_jax.backbones._onnx_decode import Decoded
from lead_jax.backbones._onnx_operators._node import Branch
from lead_jax.checks import InputError, shown

_RANKS = {"cls": 3, "mean": 3, "gap": 4}

_MATRICES = (
  "Gemm",
  "MatMul",
  "MatMulInteger",
  "QLinearMatMul",
  "com.microsoft.FusedMatMul",
  "com.microsoft.QGemm",
)


def rows(
  value: Any,
  batch: int,
  what: str,
  outputs: Sequence[str],
  *,
  pooling: str | None = None,
  layout: str = "NCHW",
) -> jax.Array:
  """Returns float[N, D] from a value of the network.

  Args:
    value: float[N, D], with axes of size 1 anywhere behind the first; with `cls` or
      `mean` [N, T, D]; with `gap` [N, C, H, W], or [N, H, W, C] by `layout`.
    batch: N.
    what: The value, for messages.
    outputs: Names of the network's outputs, for messages.
    pooling: How its other axes are taken together.
    layout: Of images, `NCHW` or `NHWC`.

  Raises:
    InputError: If it has another shape.
  """
  sizes = value.shape
  said = str(["N", *sizes[1:]] if sizes[:1] == (batch,) else list(sizes))
  if pooling is not None:
    if sizes[:1] != (batch,) or len(sizes) != _RANKS[pooling]:
      fits = ["[N, T, D]", "[N, C, H, W]"][_RANKS[pooling] - 3]
      raise InputError(
        f'{what} has shape {said}, but "pooling": "{pooling}" is of {fits}: '
        f"{_advice(len(sizes), outputs)}"
      )
    value = jnp.asarray(value)
    value = value.astype(jnp.promote_types(value.dtype, jnp.float32))
    if pooling == "cls":
      return value[:, 0]
    if pooling == "mean":
      return value.mean(axis=1)
    return value.mean(axis=(2, 3) if layout == "NCHW" else (1, 2))
  wide = [n for n in sizes[1:] if n != 1]
  if len(sizes) < 2 or len(wide) > 1 or sizes[0] != batch:
    raise InputError(
      f"{what} has shape {said}, not [N, D]: {_advice(len(sizes), outputs)}"
    )
  flat = jnp.asarray(value).reshape(batch, -1)
  return flat.astype(jnp.promote_types(flat.dtype, jnp.float32))


def _advice(rank: int, outputs: Sequence[str]) -> str:
  other = f"name another value (outputs: {_quoted(outputs)})"
  if rank == 3:
    return (
      'for features [N, T, D] say "pooling": "cls" (the first token) or "mean" (over '
      f"tokens) in the zoo file, or {other}"
    )
  if rank == 4:
    return (
      'for features [N, C, H, W] say "pooling": "gap" (the mean over height and width) '
      f"in the zoo file, or {other}"
    )
  return other if rank != 2 else f'leave "pooling" out, or {other}'


def check_value(name: str, key: str, network: Decoded, source: str) -> None:
  """Refuses the name of a value that the network does not hold.

  Args:
    name: Of the value.
    key: `features` or `logits`.
    network: The network.
    source: The file, for messages.

  Raises:
    InputError: Saying which there are, and for features which one is likely meant.
  """
  known = {n for node in network.nodes for n in node.outputs if n}
  if name in known or name in network.inputs or name in network.initialisers:
    return
  message = (
    f"{source}: holds no value called {shown(name)!r}; its outputs are "
    f"{_quoted(network.outputs)}, and any value inside the network may be named too"
  )
  likely = proposed(network) if key == "features" else None
  if likely is not None:
    message += (
      f': say "features": "{shown(likely[0])}" in the zoo file for the input of its last '
      f"{likely[1]}"
    )
  raise InputError(message)


def proposed(network: Decoded) -> tuple[str, str] | None:
  """Returns the input of the last product with fixed weights, and that operator.

  Only what the network's outputs need is looked at; None if there is no such product.
  """
  wanted, needed = set(network.outputs), []
  for node in reversed(network.nodes):
    if wanted & set(node.outputs):
      needed.append(node)
      wanted.update(node.inputs)
  moving, found = set(network.inputs), None
  for node in reversed(needed):
    given = [name for name in node.inputs if name in moving]
    if given or any(isinstance(v, Branch) for v in node.attributes.values()):
      moving.update(node.outputs)
    if node.op_type in _MATRICES and given == [node.inputs[0]]:
      found = (node.inputs[0], node.op_type)
  return found


def _quoted(names: Sequence[str]) -> str:
  return ", ".join(repr(shown(name)) for name in names)
