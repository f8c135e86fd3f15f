"""What a network's arrays must be: numbers, and variances that are none below zero."""

import numpy as np

from lead_jax.backbones._finite import check_finite
from lead_jax.backbones._onnx_operators._graph import Graph, is_mask
from lead_jax.checks import InputError


def check_arrays(graph: Graph) -> None:
  """Refuses parameters and constants that would falsify features without a trace.

  A single infinity is a bound of Clip or what a mask writes, and an array of zeros and
  -inf is a mask: both pass. NaN never does.

  Raises:
    InputError: If an array holds NaN or infinity, or a running variance is negative.
  """
  floating = {
    name: value
    for name, value in {**graph.initial, **graph.constants}.items()
    if np.issubdtype(value.dtype, np.inexact) or value.dtype.name == "bfloat16"
  }
  check_finite(
    (
      (name, value)
      for name, value in floating.items()
      if not is_mask(value) and not (value.size == 1 and np.isinf(value).all())
    ),
    graph.source,
  )
  for node in graph.nodes:
    if node.op_type != "BatchNormalization" or len(node.inputs) < 5:
      continue
    variance = floating.get(node.inputs[4])
    if variance is not None and variance.min(initial=0) < 0:
      raise InputError(
        f"{graph.source}: {node} has the negative variance {float(variance.min()):.3g}: "
        "the file is damaged; fetch or export it again"
      )
