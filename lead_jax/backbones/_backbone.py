"""What every room agrees to call a backbone, whatever file it came from."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np

from lead_jax.backbones._finite import check_parameters
from lead_jax.backbones._input_spec import InputSpec
from lead_jax.typing import Array, Float, Params

# Of a network's products; all else is float32.
Precision = Literal["float32", "bfloat16"]

# (params, images) -> {"features": [N, D]} and, where the network has a classifier,
# {"logits": [N, Z]}. Pure and differentiable in both arguments.
ApplyFn = Callable[[Params, Float[Array, "n ..."]], Mapping[str, Float[Array, "n _"]]]


@dataclasses.dataclass(frozen=True)
class Backbone:
  """A pre-trained network, ready to be applied.

  Attributes:
    name: As the user wrote it and as the report prints it.
    apply: Pure function of `(params, images)`; see `ApplyFn`.
    params: Its parameters.
    input: How images are prepared for it.
    weights_hash: SHA-256 (hex) of the weights file, part of every cache key.
    feature_point: Which tensor of the network the features are, where it has several.
    num_params: Number of trainable scalars, as published.
    source_accuracy: Stated accuracy on the data it was pre-trained on, in percent.
    architecture: One line for people.
    pretraining: What it was pre-trained on.
    source: Where the weights come from.
    licence: Licence of the weights.
    precision: Of the products in `apply`.
    low_precision: The network in bfloat16, where it has a form of its own for that.

  Raises:
    InputError: If parameters are not finite.
  """

  name: str
  apply: ApplyFn
  params: Params
  input: InputSpec
  weights_hash: str
  feature_point: str = ""
  num_params: int | None = None
  source_accuracy: float | None = None
  architecture: str = ""
  pretraining: str = ""
  source: str = ""
  licence: str = ""
  precision: Precision = "float32"
  low_precision: ApplyFn | None = None

  def __post_init__(self) -> None:
    """Refuses parameters that are NaN or infinite."""
    check_parameters(self.params, self.name)


@dataclasses.dataclass(frozen=True)
class ReadyFeatures:
  """Features made elsewhere, standing in for a backbone and its extraction.

  Attributes:
    name: As the report prints it.
    features: float[N, D], rows in the order of the data set.
    labels: int or str [N] where the file holds them, to be checked against the data set.
    weights_hash: SHA-256 (hex) of the file.
    source_probs: float[N, Z] where the file holds them.
    source_features: float[M, D], likewise.
  """

  name: str
  features: np.ndarray
  labels: np.ndarray | None
  weights_hash: str
  source_probs: np.ndarray | None = None
  source_features: np.ndarray | None = None


@dataclasses.dataclass(frozen=True)
class Stated:
  """What is stated of a model before its weights are read; None where nothing is.

  Attributes:
    flops: Of one image, a multiply and an add counted as two.
    num_params: Number of trainable scalars.
    size: Bytes of its weights, about.
    pixels: Height times width of the images it takes.
  """

  flops: float | None = None
  num_params: int | None = None
  size: int | None = None
  pixels: int | None = None


@dataclasses.dataclass(frozen=True)
class ModelSpec:
  """A model that has been named but not yet read.

  Attributes:
    name: Unique within a run.
    load: Reads and checks the weights; raises `InputError` with a reason.
    fetch: Brings the weights to this machine where they are not here yet, told of
      (bytes, bytes in all) on the way, and returns where they are; raises `InputError`
      with what to fetch by hand. None where there is nothing to fetch.
    stated: What is known of it without reading it.
  """

  name: str
  load: Callable[[], Backbone | ReadyFeatures]
  fetch: Callable[[Callable[[int, int], object]], Any] | None = None
  stated: Stated = Stated()
