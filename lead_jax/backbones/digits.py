"""The bundled digits zoo: twelve small Flax networks for 8x8 gray images.

They make `lead-rank` runnable with no network and no download. Each was pre-trained on
scikit-learn's digits 0 to 4 (or badly, or not at all) by
`python -m experiments.pretrain_digits`; their target task is the digits 5 to 9, and
what fine-tuning really reached stands beside the weights in
`lead_jax/zoo/digits_ground_truth.csv`.

The networks are plain on purpose: no batch statistics, so that a feature depends on its
own image alone, and no normalisation after the last layer, so that the scale of the
features remains what the pre-training made of it. `digits.json` names the architecture,
the number of source classes and the SHA-256 of every weights file; a file that differs
from its hash is refused.
"""

import functools
import hashlib
import importlib.resources
import pathlib
from collections.abc import Callable, Mapping

import flax
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from lead_jax.backbones._backbone import Backbone, ModelSpec, Params, Stated
from lead_jax.backbones._input_spec import InputSpec
from lead_jax.checks import InputError
from lead_jax.readers import parse_json

PREFIX = "digits/"
INDEX_FILE = "digits.json"

# Nominal mean and standard deviation of all pixels of the 1,797 images, in 0..255.
INPUT = InputSpec(height=8, width=8, channels="gray", mean=(78.0,), std=(96.0,))

Images = Float[Array, "n 8 8 1"]
Outputs = dict[str, jax.Array]


def _convolve(x, w, strides, padding, **_):
  """What `nn.Conv` computes, as one matrix product over gathered patches.

  On images this small XLA's CPU convolution spends its time elsewhere: a training step
  of `resnet_wide` takes a tenth of the time in this form. All convolutions here are
  undilated, in one group, channels last.
  """
  rows, columns, _, width = w.shape
  pads = jax.lax.padtype_to_pads(x.shape[1:3], w.shape[:2], strides, padding)
  x = jnp.pad(x, ((0, 0), *pads, (0, 0)))
  height = x.shape[1] - rows + 1
  breadth = x.shape[2] - columns + 1
  patches = [
    x[:, i : i + height : strides[0], j : j + breadth : strides[1]]
    for i in range(rows)
    for j in range(columns)
  ]
  return jnp.concatenate(patches, axis=-1) @ w.reshape(-1, width)


def _conv(width: int, size: int, stride: int = 1, name: str | None = None) -> nn.Conv:
  """A square convolution with bias and padding `SAME`."""
  return nn.Conv(width, (size, size), stride, conv_general_dilated=_convolve, name=name)


def _outputs(features: Float[Array, "n d"], num_logits: int) -> Outputs:
  """Adds the source classifier where there is one; for use in a compact method."""
  if not num_logits:
    return {"features": features}
  return {
    "features": features,
    "logits": nn.Dense(num_logits, name="classifier")(features),
  }


class Mlp(nn.Module):
  """Fully connected layers with ReLU; the last one is the feature."""

  widths: tuple[int, ...]
  num_logits: int = 0

  @nn.compact
  def __call__(self, images: Images) -> Outputs:
    x = images.reshape(images.shape[0], -1)
    for width in self.widths:
      x = nn.relu(nn.Dense(width)(x))
    return _outputs(x, self.num_logits)


class ConvNet(nn.Module):
  """3x3 convolutions with ReLU, halving from the second on, averaged over space."""

  widths: tuple[int, ...]
  num_logits: int = 0

  @nn.compact
  def __call__(self, images: Images) -> Outputs:
    x = images
    for index, width in enumerate(self.widths):
      x = nn.relu(_conv(width, 3, 2 if index else 1)(x))
    return _outputs(x.mean(axis=(1, 2)), self.num_logits)


class ResNet(nn.Module):
  """One basic block per width (He et al. 2016), without normalisation layers."""

  widths: tuple[int, ...]
  num_logits: int = 0

  @nn.compact
  def __call__(self, images: Images) -> Outputs:
    x = nn.relu(_conv(self.widths[0], 3)(images))
    for index, width in enumerate(self.widths):
      stride = 2 if index else 1
      y = nn.relu(_conv(width, 3, stride)(x))
      y = _conv(width, 3)(y)
      if index:
        x = _conv(width, 1, stride, f"shortcut_{index}")(x)
      x = nn.relu(x + y)
    return _outputs(x.mean(axis=(1, 2)), self.num_logits)


class VisionTransformer(nn.Module):
  """Sixteen 2x2 patches, pre-norm blocks (Dosovitskiy et al. 2021), tokens averaged."""

  width: int
  depth: int
  heads: int
  num_logits: int = 0

  @nn.compact
  def __call__(self, images: Images) -> Outputs:
    x = _conv(self.width, 2, 2)(images)
    x = x.reshape(x.shape[0], -1, self.width)
    init = nn.initializers.normal(0.02)
    x = x + self.param("position", init, (1, x.shape[1], self.width))
    for _ in range(self.depth):
      x = x + nn.MultiHeadDotProductAttention(num_heads=self.heads)(nn.LayerNorm()(x))
      y = nn.gelu(nn.Dense(2 * self.width)(nn.LayerNorm()(x)))
      x = x + nn.Dense(self.width)(y)
    return _outputs(x.mean(axis=1), self.num_logits)


# Name in digits.json -> (the module, to be given `num_logits`; one line for people).
ARCHITECTURES: dict[str, tuple[Callable[..., nn.Module], str]] = {
  "mlp_narrow": (
    functools.partial(Mlp, widths=(48, 32)),
    "MLP 64-48-32",
  ),
  "mlp_wide": (
    functools.partial(Mlp, widths=(64, 64)),
    "MLP 64-64-64",
  ),
  "conv_narrow": (
    functools.partial(ConvNet, widths=(8, 16, 32)),
    "plain 3x3 convolutions, 8-16-32 channels",
  ),
  "conv_wide": (
    functools.partial(ConvNet, widths=(16, 32, 48)),
    "plain 3x3 convolutions, 16-32-48 channels",
  ),
  "resnet_narrow": (
    functools.partial(ResNet, widths=(12, 24)),
    "residual, two basic blocks of 12 and 24 channels",
  ),
  "resnet_wide": (
    functools.partial(ResNet, widths=(16, 40)),
    "residual, two basic blocks of 16 and 40 channels",
  ),
  "vit": (
    functools.partial(VisionTransformer, width=32, depth=2, heads=4),
    "vision transformer, 2x2 patches, 2 blocks of width 32, 4 heads",
  ),
}


def build_network(architecture: str, num_logits: int = 0) -> nn.Module:
  """Makes the Flax module of an architecture.

  Args:
    architecture: A key of `ARCHITECTURES`.
    num_logits: Outputs of the source classifier; 0 for a network without one.

  Returns:
    A module that takes float[N, 8, 8, 1] and returns `features` [N, D] and, where
    `num_logits` is positive, `logits` [N, num_logits].
  """
  make, _ = ARCHITECTURES[architecture]
  return make(num_logits=num_logits)


def apply_network(network: nn.Module, params: Params, images: Images) -> Outputs:
  """`network.apply` in the argument order of `lead_jax.backbones.ApplyFn`."""
  return network.apply({"params": params}, images)  # type: ignore[return-value]


def count_params(params: Params) -> int:
  """Number of scalars in a pytree of arrays."""
  return sum(int(np.size(leaf)) for leaf in jax.tree.leaves(params))


def digits_models(folder: pathlib.Path | None = None) -> list[ModelSpec]:
  """Lists the models of the digits zoo.

  Args:
    folder: What `experiments.pretrain_digits --out` wrote; the bundled zoo by default.

  Returns:
    One spec per model, in the order of `digits.json`. Nothing but the index is read yet.

  Raises:
    InputError: If the index is missing or cannot be read.
  """
  root = folder or importlib.resources.files("lead_jax.zoo")
  path = root / INDEX_FILE
  try:
    index = parse_json(path.read_bytes(), str(path))["models"]
  except (OSError, ValueError, KeyError, TypeError) as error:
    raise InputError(
      f"{path}: not a readable index of the digits zoo ({type(error).__name__}); "
      "reinstall lead_jax or run `python -m experiments.pretrain_digits`"
    ) from error
  return [
    ModelSpec(
      name=name,
      load=functools.partial(_load, name, entry, root),
      stated=Stated(num_params=entry["num_params"], pixels=INPUT.height * INPUT.width),
    )
    for name, entry in index.items()
  ]


def _load(name: str, entry: Mapping, root) -> Backbone:
  """Reads and checks one weights file."""
  import safetensors.numpy

  path = root / entry["file"]
  try:
    content = path.read_bytes()
  except OSError as error:
    raise InputError(
      f"{path}: weights of {name} cannot be read ({error.strerror}); reinstall "
      "lead_jax or run `python -m experiments.pretrain_digits`"
    ) from error
  digest = hashlib.sha256(content).hexdigest()
  if digest != entry["sha256"]:
    raise InputError(
      f"{path}: SHA-256 {digest[:12]}... is not that of {name} in {INDEX_FILE} "
      f"({entry['sha256'][:12]}...); reinstall lead_jax or make the zoo again"
    )
  network = build_network(entry["architecture"], entry["num_logits"])
  flat = safetensors.numpy.load(content)
  params = flax.traverse_util.unflatten_dict(flat, sep="/")
  return Backbone(
    name=name,
    apply=functools.partial(apply_network, network),
    params=jax.tree.map(jnp.asarray, params),
    input=INPUT,
    weights_hash=digest,
    num_params=entry["num_params"],
    architecture=ARCHITECTURES[entry["architecture"]][1],
    pretraining=entry["pretraining"],
    source=entry["source"],
    licence=entry["licence"],
  )
