"""Weights between torchvision's names and axis order and those of the networks here.

The path of a variable, joined with dots, is its name in torchvision; kernels are
channels-last here (OIHW becomes HWIO, [out, in] becomes [in, out]). So one function
converts all networks, and its inverse gives back the same bits.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from lead_jax.backbones._finite import check_finite
from lead_jax.backbones.networks._network_facts import weight_shapes
from lead_jax.backbones.networks._networks import NETWORKS
from lead_jax.checks import InputError, shown

Tensors = dict[str, np.ndarray]

_LISTED = 3  # names of each kind in an error message


def from_tensors(
  network: str, tensors: Mapping[str, np.ndarray], *, source: str
) -> dict[str, Any]:
  """Converts weights to the variables of a network.

  Args:
    network: A key of `NETWORKS`.
    tensors: By torchvision's names, in torch's axis order. The number of logits is read
      off the classifier; without one the network has none.
    source: What the tensors came from, to begin an error message.

  Returns:
    `{"params", "batch_stats"}`, float32 arrays.

  Raises:
    InputError: If a tensor is missing, unused, of another shape or not finite, or a
      running variance is negative.
  """
  classifier = tensors.get(f"{NETWORKS[network].classifier}.weight")
  num_logits = 0 if classifier is None else (*np.shape(classifier), 1)[0]
  expected = flatten_dict(weight_shapes(network, num_logits))
  names = {path: ".".join(path[1:]) for path in expected}
  misshapen = []
  for path, name in names.items():
    wanted = _torch_shape(expected[path].shape)
    found = np.shape(tensors[name]) if name in tensors else wanted
    if found != wanted:
      misshapen.append(f"{name} is {list(found)}, not {list(wanted)}")
  problems = [
    _listed("missing", [name for name in names.values() if name not in tensors]),
    _listed("unused", sorted(set(tensors) - set(names.values()))),
    _listed("of another shape", misshapen),
  ]
  if any(problems):
    raise InputError(
      f"{source}: does not hold the weights of {network}: "
      f"{'; '.join(filter(None, problems))}; name the architecture it was made with"
    )
  leaves = {path: _channels_last(tensors[name]) for path, name in names.items()}
  check_finite(((names[path], array) for path, array in leaves.items()), source)
  for path, array in leaves.items():
    if names[path].endswith("running_var") and array.min(initial=0) < 0:
      raise InputError(
        f"{source}: {shown(names[path])!r} holds the negative variance "
        f"{array.min():.3g}: the file is damaged; fetch or export it again"
      )
  return unflatten_dict(leaves)


def to_tensors(network: str, variables: Mapping[str, Any]) -> Tensors:
  """Converts variables to weights by torchvision's names; undoes `from_tensors`.

  Args:
    network: A key of `NETWORKS`.
    variables: `{"params", "batch_stats"}` of that network.
  """
  leaves = flatten_dict(variables)
  classifier = ("params", NETWORKS[network].classifier, "bias")
  num_logits = len(leaves[classifier]) if classifier in leaves else 0
  return {
    ".".join(path[1:]): _channels_first(leaves[path])
    for path in flatten_dict(weight_shapes(network, num_logits))
  }


def _listed(problem: str, names: Sequence[str]) -> str:
  """Such as `2 missing (fc.bias, fc.weight)`; empty without names."""
  if not names:
    return ""
  more = ", ..." if len(names) > _LISTED else ""
  return f"{len(names)} {problem} ({', '.join(map(shown, names[:_LISTED]))}{more})"


def _torch_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
  return (*shape[:-3:-1], *shape[:-2])


def _channels_last(tensor: np.ndarray) -> np.ndarray:
  array = np.asarray(tensor, np.float32)
  order = (*range(2, array.ndim), 1, 0) if array.ndim > 1 else (0,)
  return np.ascontiguousarray(array.transpose(order))


def _channels_first(leaf: Any) -> np.ndarray:
  array = np.asarray(leaf)
  last = array.ndim - 1
  order = (last, last - 1, *range(last - 1)) if array.ndim > 1 else (0,)
  return np.ascontiguousarray(array.transpose(order))
