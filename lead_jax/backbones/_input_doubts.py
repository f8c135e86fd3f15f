"""Says where a network would see what it cannot well have been trained on."""

import dataclasses
from collections.abc import Callable

from lead_jax.backbones._backbone import Backbone, ModelSpec, ReadyFeatures


def doubting_input(spec: ModelSpec, warn: Callable[[str], object]) -> ModelSpec:
  """Returns a model that, when loaded, says if its mean and std look wrong.

  Args:
    spec: Any model.
    warn: Told one line, with the range of what the network sees and what to look at.
  """

  def load() -> Backbone | ReadyFeatures:
    loaded = spec.load()
    if isinstance(loaded, Backbone) and (doubt := loaded.input.doubt()):
      warn(f"{spec.name}: {doubt}; check the description of its input")
    return loaded

  return dataclasses.replace(spec, load=load)
