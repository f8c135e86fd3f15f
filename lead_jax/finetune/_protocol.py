"""How a network is fine-tuned: everything that a result depends on, in one frozen object.

Named protocols, to be varied with `dataclasses.replace`:

* `papers`: what Hu et al. (LEAD, CVPR 2024, Sec. 4.2) and Li et al. (PED, ICCV 2023)
  print: learning rate {1e-1 .. 1e-4} x weight decay {0, 1e-6 .. 1e-3}, five seeds. What
  they leave open is taken from the public code that both follow (TencentARC/SFDA,
  `finetune_group1.py`): Nesterov momentum, cosine to zero, 5,000 steps of 64 images,
  random resized crops and flips, a fifth of train held out, the chosen setting trained
  again on all of train, weight decay divided by the learning rate.
* `adamw8`: eight epochs of AdamW on at most 1,000 images: minutes on a CPU.
* `adamw5`: five epochs for the bundled digits, no augmentation: seconds on a CPU.
"""

import dataclasses
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, get_args

from lead_jax.checks import InputError, parameter

Optimiser = Literal["sgd", "adamw"]
Trainable = Literal["all", "head"]
Precision = Literal["float32", "bfloat16"]
AccuracyMeasure = Literal["top1", "per_class", "map", "map11"]

# A run depends on its own setting and seed, not on the grid that it stands in, nor on the
# number by which settings are compared: widening a grid repeats nothing.
_OF_THE_GRID = ("name", "learning_rates", "weight_decays", "seeds", "measure")


@dataclasses.dataclass(frozen=True)
class Protocol:
  """Settings of fine-tuning. Each learning rate is tried with each weight decay.

  Attributes:
    name: As the ground-truth table names it.
    optimiser: `sgd` (weight decay is part of the gradient) or `adamw` (it is not).
    learning_rates: Peaks to choose from, for the network.
    weight_decays: To choose from, of all parameters.
    seeds: Repetitions of each setting: another head, order and augmentation.
    steps: Length of a run; exactly one of `steps` and `epochs` is given.
    epochs: Length of a run in passes over its training images.
    batch_size: Images a step; the last batch of a pass may have fewer.
    momentum: Of `sgd`.
    nesterov: Whether that is Nesterov's.
    divide_decay: Whether a run's weight decay is the grid's over the learning rate.
    head_factor: The head's learning rate over the network's.
    head_scale: Standard deviation of its weights at the start, times the root of the
      number of features; 0 starts it at zero.
    warmup_steps: Over which the learning rate rises linearly; a cosine to zero follows.
    max_gradient_norm: To which gradients of all parameters together are clipped, or None.
    trainable: `all`, or `head`: a linear classifier on the network as it is.
    precision: Of the network's products; parameters, head and loss are float32.
    flip: Whether training images are mirrored at random.
    crop: Pixels by which they are shifted at random, at most, in each direction.
    zoom: Whether random parts of them (8 % of the area or more) are enlarged.
    standardise: Whether features have the mean taken off and are divided by one number,
      their standard deviation, both of the training images before training.
    max_train: Training images at most, or None.
    validation_fraction: Share of the training split that chooses the setting.
    split_seed: Of what is held out.
    retrain: Whether the chosen setting is trained on the held-out images too.
    measure: What validation compares and the table says; None for `measure_of`'s choice.
  """

  name: str
  optimiser: Optimiser
  learning_rates: tuple[float, ...]
  weight_decays: tuple[float, ...]
  seeds: int = 1
  steps: int | None = None
  epochs: int | None = None
  batch_size: int = 32
  momentum: float = 0.9
  nesterov: bool = True
  divide_decay: bool = False
  head_factor: float = 1.0
  head_scale: float = 1.0
  warmup_steps: int = 0
  max_gradient_norm: float | None = None
  trainable: Trainable = "all"
  precision: Precision = "float32"
  flip: bool = False
  crop: int = 0
  zoom: bool = False
  standardise: bool = False
  max_train: int | None = None
  validation_fraction: float = 0.2
  split_seed: int = 0
  retrain: bool = True
  measure: AccuracyMeasure | None = None

  def __post_init__(self):
    """Raises ValueError naming the argument, its bound and the value received."""
    for name, choices in _CHOICES.items():
      value = getattr(self, name)
      if value not in choices and not (name == "measure" and value is None):
        raise ValueError(f"{name} must be one of {', '.join(choices)}, got {value!r}")
    for name in ("learning_rates", "weight_decays"):
      values = getattr(self, name)
      low = "positive" if name == "learning_rates" else "at least 0"
      right = all(
        math.isfinite(v) and (v > 0 or (v == 0 and low != "positive")) for v in values
      )
      if not values or not right or len(set(values)) < len(values):
        raise ValueError(
          f"{name} must be finite numbers, {low}, each once, at least one, got {values}"
        )
    if (self.steps is None) == (self.epochs is None):
      raise ValueError(
        "exactly one of steps and epochs must be given, "
        f"got steps={self.steps} and epochs={self.epochs}"
      )
    for name, least in _AT_LEAST.items():
      value = getattr(self, name)
      if value is not None and value < least:
        raise ValueError(f"{name} must be at least {least}, got {value}")
    for name in ("head_factor", "max_gradient_norm"):
      value = getattr(self, name)
      if value is not None and not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be positive and finite, got {value}")
    if not (math.isfinite(self.head_scale) and self.head_scale >= 0):
      raise ValueError(
        f"head_scale must be at least 0 and finite, got {self.head_scale}"
      )
    if not 0 <= self.momentum < 1:
      raise ValueError(f"momentum must be in [0, 1), got {self.momentum}")
    if not 0 <= self.validation_fraction < 1:
      raise ValueError(
        f"validation_fraction must be in [0, 1), got {self.validation_fraction}"
      )
    if self.chooses and not self.validation_fraction:
      raise ValueError(
        "validation_fraction must be positive where there are settings to choose from, "
        f"got {self.validation_fraction}"
      )

  @property
  def chooses(self) -> bool:
    """Whether there is more than one setting."""
    return len(self.learning_rates) * len(self.weight_decays) > 1

  @property
  def augmented(self) -> bool:
    """Whether a training image differs from pass to pass."""
    return self.flip or self.zoom or self.crop > 0

  def measure_of(self, *, several: bool) -> AccuracyMeasure:
    """The measure on images of one class each, or of several.

    Returns:
      `measure` where it is given; otherwise `top1`, or `map11`, VOC 2007's, of several.

    Raises:
      InputError: If it is given and images of several classes have no such measure.
    """
    if several and self.measure not in (None, "map", "map11"):
      raise InputError(
        f"{parameter('measure', self.measure)} is for images of one class each, and these "
        f"may be of several: give {parameter('measure', 'map11')} or "
        f"{parameter('measure', 'map')}"
      )
    return self.measure or ("map11" if several else "top1")

  def of_a_run(self) -> dict[str, Any]:
    """What a single run depends on beside its setting, seed, model and data."""
    fields = dataclasses.asdict(self)
    return {name: fields[name] for name in fields if name not in _OF_THE_GRID}


_CHOICES: dict[str, tuple[str, ...]] = {
  "optimiser": get_args(Optimiser),
  "trainable": get_args(Trainable),
  "precision": get_args(Precision),
  "measure": get_args(AccuracyMeasure),
}
_AT_LEAST = {
  "seeds": 1,
  "steps": 1,
  "epochs": 1,
  "batch_size": 1,
  "warmup_steps": 0,
  "crop": 0,
  "max_train": 1,
  "split_seed": 0,
}

PAPERS = Protocol(
  name="papers",
  optimiser="sgd",
  learning_rates=(1e-1, 1e-2, 1e-3, 1e-4),
  weight_decays=(0.0, 1e-6, 1e-5, 1e-4, 1e-3),
  seeds=5,
  steps=5000,
  batch_size=64,
  divide_decay=True,
  head_scale=1 / math.sqrt(3),  # the variance of torch's `nn.Linear`
  flip=True,
  zoom=True,
  validation_fraction=0.2,
)
ADAMW8 = Protocol(
  name="adamw8",
  optimiser="adamw",
  learning_rates=(3e-4,),
  weight_decays=(1e-4,),
  epochs=8,
  head_factor=5.0,
  head_scale=0.0,
  warmup_steps=20,
  max_gradient_norm=5.0,
  flip=True,
  crop=6,
  standardise=True,
  max_train=1000,
  validation_fraction=0.15,
  split_seed=123,
  retrain=False,
)
ADAMW5 = Protocol(
  name="adamw5",
  optimiser="adamw",
  learning_rates=(1e-4, 3e-4, 1e-3),
  weight_decays=(1e-4,),
  seeds=5,
  epochs=5,
  head_factor=10.0,
  max_gradient_norm=5.0,
  standardise=True,
)

PROTOCOLS: Mapping[str, Protocol] = MappingProxyType(
  {protocol.name: protocol for protocol in (PAPERS, ADAMW8, ADAMW5)}
)
