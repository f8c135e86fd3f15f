"""What a model will cost a run, from what is stated of it before its weights are read."""

import statistics
from collections.abc import Sequence

from lead_jax.backbones._backbone import ModelSpec, Stated

# Operations of one image per parameter at 224 x 224 pixels, where only the parameters are
# stated: the median of the catalogue (143 of MnasNet to 710 of DenseNet-121).
_PER_PARAMETER = 350.0
_PIXELS = 224 * 224
# Of a parameter in a file.
_BYTES = 4
# What a model costs beside its images: loading, compiling, scores. In operations, ten
# seconds of a computer that does 50 billion of them per second.
_BESIDE = 5e11


def predicted_costs(models: Sequence[ModelSpec], images: int) -> dict[str, float]:
  """Predicts what models cost a run, in floating-point operations.

  Images times the operations of one: as stated, else from the parameters as stated, else
  from the size of the file; and a constant for all that is done once. A model of which
  nothing is stated costs as much as the median of the others. The store and the clock
  have no say: all workers predict the same, whenever they begin.

  Args:
    models: Not yet loaded.
    images: That go through each.

  Returns:
    By model, in their order.
  """
  known = {spec.name: _operations(spec.stated) for spec in models}
  found = [cost for cost in known.values() if cost is not None]
  usual = statistics.median(found) if found else 0.0
  return {
    name: _BESIDE + images * (usual if cost is None else cost)
    for name, cost in known.items()
  }


def _operations(stated: Stated) -> float | None:
  """Of one image; None where nothing is stated."""
  if stated.flops is not None:
    return stated.flops
  params = stated.num_params
  if params is None and stated.size is not None:
    params = stated.size // _BYTES
  if params is None:
    return None
  pixels = _PIXELS if stated.pixels is None else stated.pixels
  return _PER_PARAMETER * params * pixels / _PIXELS
