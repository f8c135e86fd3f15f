"""Inception v3 for images of 299 by 299 pixels, as torchvision has it.

Szegedy et al., "Rethinking the Inception Architecture for Computer Vision" (CVPR 2016),
https://arxiv.org/abs/1512.00567. The auxiliary classifier plays no part in evaluation;
torchvision's input transformation belongs to preprocessing. Images of less than 75 pixels
leave nothing to the last blocks.

A branch that averages 3x3 windows and then convolves 1x1 is computed the other way round:
the two commute, zeros at the border included, and there are fewer channels to average.
"""

from typing import NamedTuple

import flax.linen as nn
import jax.numpy as jnp

from lead_jax.backbones.networks._layers import (
  ConvUnit,
  Dtype,
  Images,
  Outputs,
  max_pool,
  outputs,
)


class Unit(NamedTuple):
  """A convolution with its normalisation and ReLU."""

  name: str
  width: int
  size: int | tuple[int, int] = 1
  stride: int = 1
  padding: int | tuple[int, int] = 0


# One step after another; the units of a step see the same and stand side by side.
Branch = tuple[tuple[Unit, ...], ...]


def _row(name: str, width: int, size: int = 7) -> Unit:
  return Unit(name, width, (1, size), 1, (0, size // 2))


def _column(name: str, width: int, size: int = 7) -> Unit:
  return Unit(name, width, (size, 1), 1, (size // 2, 0))


def _chain(*units: Unit) -> Branch:
  return tuple((unit,) for unit in units)


def _up_to_5x5() -> tuple[Branch, ...]:
  return (
    _chain(Unit("branch1x1", 64)),
    _chain(Unit("branch5x5_1", 48), Unit("branch5x5_2", 64, 5, 1, 2)),
    _chain(
      Unit("branch3x3dbl_1", 64),
      Unit("branch3x3dbl_2", 96, 3, 1, 1),
      Unit("branch3x3dbl_3", 96, 3, 1, 1),
    ),
  )


def _first_reduction() -> tuple[Branch, ...]:
  return (
    _chain(Unit("branch3x3", 384, 3, 2)),
    _chain(
      Unit("branch3x3dbl_1", 64),
      Unit("branch3x3dbl_2", 96, 3, 1, 1),
      Unit("branch3x3dbl_3", 96, 3, 2),
    ),
  )


def _factorised_7x7(width: int) -> tuple[Branch, ...]:
  return (
    _chain(Unit("branch1x1", 192)),
    _chain(
      Unit("branch7x7_1", width),
      _row("branch7x7_2", width),
      _column("branch7x7_3", 192),
    ),
    _chain(
      Unit("branch7x7dbl_1", width),
      _column("branch7x7dbl_2", width),
      _row("branch7x7dbl_3", width),
      _column("branch7x7dbl_4", width),
      _row("branch7x7dbl_5", 192),
    ),
  )


def _second_reduction() -> tuple[Branch, ...]:
  return (
    _chain(Unit("branch3x3_1", 192), Unit("branch3x3_2", 320, 3, 2)),
    _chain(
      Unit("branch7x7x3_1", 192),
      _row("branch7x7x3_2", 192),
      _column("branch7x7x3_3", 192),
      Unit("branch7x7x3_4", 192, 3, 2),
    ),
  )


def _side_by_side() -> tuple[Branch, ...]:
  return (
    _chain(Unit("branch1x1", 320)),
    (
      (Unit("branch3x3_1", 384),),
      (_row("branch3x3_2a", 384, 3), _column("branch3x3_2b", 384, 3)),
    ),
    (
      (Unit("branch3x3dbl_1", 448),),
      (Unit("branch3x3dbl_2", 384, 3, 1, 1),),
      (_row("branch3x3dbl_3a", 384, 3), _column("branch3x3dbl_3b", 384, 3)),
    ),
  )


# Branches, and channels of the one that averages; 0 where the last one takes the largest
# of each window instead, at stride 2.
_BLOCKS: dict[str, tuple[tuple[Branch, ...], int]] = {
  "Mixed_5b": (_up_to_5x5(), 32),
  "Mixed_5c": (_up_to_5x5(), 64),
  "Mixed_5d": (_up_to_5x5(), 64),
  "Mixed_6a": (_first_reduction(), 0),
  "Mixed_6b": (_factorised_7x7(128), 192),
  "Mixed_6c": (_factorised_7x7(160), 192),
  "Mixed_6d": (_factorised_7x7(160), 192),
  "Mixed_6e": (_factorised_7x7(192), 192),
  "Mixed_7a": (_second_reduction(), 0),
  "Mixed_7b": (_side_by_side(), 192),
  "Mixed_7c": (_side_by_side(), 192),
}


class Block(nn.Module):
  """Branches side by side, a pooling one last."""

  branches: tuple[Branch, ...]
  pooled: int
  dtype: Dtype

  @nn.compact
  def __call__(self, x: Images) -> Images:
    found = []
    for branch in self.branches:
      y = x
      for step in branch:
        made = [self._unit(unit)(y) for unit in step]
        y = made[0] if len(made) == 1 else jnp.concatenate(made, axis=-1)
      found.append(y)
    if self.pooled:
      found.append(self._unit(Unit("branch_pool", self.pooled), averaged=True)(x))
    else:
      found.append(max_pool(x, 3, 2))
    return jnp.concatenate(found, axis=-1)

  def _unit(self, unit: Unit, averaged: bool = False) -> ConvUnit:
    name, width, size, stride, padding = unit
    return ConvUnit(
      width, size, stride, padding, averaged=averaged, dtype=self.dtype, name=name
    )


class InceptionV3(nn.Module):
  """The network without its auxiliary classifier.

  Attributes:
    num_logits: Outputs of the source classifier; 0 for a network without one.
    dtype: Of products and what goes from layer to layer.
  """

  num_logits: int
  dtype: Dtype = jnp.float32

  @nn.compact
  def __call__(self, images: Images) -> Outputs:
    dtype = self.dtype
    x = ConvUnit(32, 3, 2, dtype=dtype, name="Conv2d_1a_3x3")(images)
    x = ConvUnit(32, 3, dtype=dtype, name="Conv2d_2a_3x3")(x)
    x = ConvUnit(64, 3, 1, 1, dtype=dtype, name="Conv2d_2b_3x3")(x)
    x = max_pool(x, 3, 2)
    x = ConvUnit(80, 1, dtype=dtype, name="Conv2d_3b_1x1")(x)
    x = ConvUnit(192, 3, dtype=dtype, name="Conv2d_4a_3x3")(x)
    x = max_pool(x, 3, 2)
    for name, (branches, pooled) in _BLOCKS.items():
      x = Block(branches, pooled, dtype, name=name)(x)
    return outputs(x, self.num_logits, "fc", dtype)
