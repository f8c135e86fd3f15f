"""Hyper-parameters of the bundled digits zoo.

The twelve differ in architecture, in what they were taught and in how well, so that
what fine-tuning makes of them differs too. The fine-tuning protocol was fixed by
looking at test accuracies only (a spread of more than ten points, few models at the
ceiling), before any transferability score was computed on the zoo.
"""

import dataclasses
from typing import Literal

Objective = Literal["supervised", "rotation", "contrastive", "reconstruction", "none"]


@dataclasses.dataclass(frozen=True)
class Pretraining:
  """How one network comes about.

  Attributes:
    name: Short name; `digits/` is put before it.
    architecture: Key of `lead_jax.backbones.digits.ARCHITECTURES`.
    objective: What is minimised on the images of digits 0 to 4.
    description: One line for people.
    steps: Adam steps; 0 exactly where the objective is `none`.
    learning_rate: Peak, decayed to zero by a cosine.
    batch_size: Images per step.
    label_noise: Share of labels replaced, once, by a class drawn at random.
    init_scale: Factor on every kernel of the initialisation.
    mask_size: Side in pixels of the squares that reconstruction hides.
    mask_rate: Share of the squares hidden.
  """

  name: str
  architecture: str
  objective: Objective
  description: str
  steps: int = 600
  learning_rate: float = 2e-3
  batch_size: int = 64
  label_noise: float = 0.0
  init_scale: float = 1.0
  mask_size: int = 1
  mask_rate: float = 0.5


@dataclasses.dataclass(frozen=True)
class Finetuning:
  """Whole-network fine-tuning on digits 5 to 9.

  Attributes:
    protocol: Name of this protocol in the ground-truth table.
    epochs: Passes over the training images; a short budget on purpose.
    batch_size: Images a step; what is left of an epoch is dropped.
    learning_rates: Grid, ascending; the best on validation is kept, the smaller on a
      tie. Its upper end is part of the budget: most models would take more.
    head_factor: The new head's learning rate over the network's.
    weight_decay: Of AdamW; the learning rate decays to zero by a cosine.
    max_gradient_norm: Gradients are clipped to this global norm.
    validation_fraction: Share of each class, last in file order, that selects the
      learning rate; the final runs train on all of the training split.
    num_seeds: Repetitions: new head and new order of the images each.
  """

  protocol: str = "adamw5"
  epochs: int = 5
  batch_size: int = 32
  learning_rates: tuple[float, ...] = (0.0001, 0.0003, 0.001)
  head_factor: float = 10.0
  weight_decay: float = 1e-4
  max_gradient_norm: float = 5.0
  validation_fraction: float = 0.2
  num_seeds: int = 5


PRETRAININGS = (
  Pretraining("mlp_supervised", "mlp_wide", "supervised", "labels of digits 0 to 4"),
  Pretraining(
    "mlp_denoising",
    "mlp_wide",
    "reconstruction",
    "denoising autoencoder on digits 0 to 4, half of the pixels hidden",
  ),
  Pretraining(
    "mlp_random",
    "mlp_narrow",
    "none",
    "none: random weights, tripled in scale",
    steps=0,
    init_scale=3.0,
  ),
  Pretraining("conv_supervised", "conv_wide", "supervised", "labels of digits 0 to 4"),
  Pretraining(
    "conv_contrastive",
    "conv_wide",
    "contrastive",
    "SimCLR-like contrast of two distorted views of digits 0 to 4",
    batch_size=128,
  ),
  Pretraining(
    "conv_noisy",
    "conv_narrow",
    "supervised",
    "labels of digits 0 to 4, nine in ten replaced by chance",
    label_noise=0.9,
  ),
  Pretraining(
    "conv_random",
    "conv_narrow",
    "none",
    "none: random weights, doubled in scale",
    steps=0,
    init_scale=2.0,
  ),
  Pretraining(
    "resnet_supervised", "resnet_wide", "supervised", "labels of digits 0 to 4"
  ),
  Pretraining(
    "resnet_rotation",
    "resnet_narrow",
    "rotation",
    "by which quarter turn images of digits 0 to 4 were rotated",
  ),
  Pretraining(
    "vit_supervised", "vit", "supervised", "labels of digits 0 to 4", steps=1500
  ),
  Pretraining(
    "vit_masked",
    "vit",
    "reconstruction",
    "masked autoencoder on digits 0 to 4, half of the 2x2 patches hidden",
    steps=1500,
    mask_size=2,
  ),
  Pretraining(
    "vit_brief",
    "vit",
    "supervised",
    "labels of digits 0 to 4, stopped after 20 steps",
    steps=20,
  ),
)
