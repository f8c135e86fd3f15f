"""The rates of LEAD's classes: mean eigenvalues of their heads' kernels (Eq. 24).

The second step of `lead_jax.lead`: samples of each class are chosen, heads drawn, and the
kernels decomposed: their mean eigenvalues are the rates. The mean eigenvalue is also the
trace over the size, of which a kernel's diagonal is enough: the two paths check each other,
and the trace alone is the fast one (`spectra=False`).
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lead_jax import ntk
from lead_jax.checks import check_arguments
from lead_jax.dynamics._config import LeadConfig
from lead_jax.typing import Array, Bool, Float, Int, Params

# Numbers of the kernels that exist at a time.
_ENTRIES = 2**24


class Network(NamedTuple):
  """A backbone whose parameters take part in the gradient (`params="all"`).

  Attributes:
    apply_fn: Pure function of `(params, inputs)` to features [N, D].
    params: Its parameters.
    inputs_of: Returns the network's inputs of given samples, int[M] -> [M, ...].
    batch_size: Gradients held at a time; each is as large as the parameters.
  """

  apply_fn: Callable[[Params, Array], Array]
  params: Params
  inputs_of: Callable[[np.ndarray], Array]
  batch_size: int = 1


def rates_config(config: LeadConfig) -> LeadConfig:
  """The fields that `class_rates` reads, all others at their defaults."""
  return LeadConfig(
    hidden=config.hidden,
    initializer=config.initializer,
    head_seeds=config.head_seeds,
    rates=config.rates,
    samples_per_class=config.samples_per_class,
    sampling=config.sampling,
    evolution="mixed" if config.evolution == "mixed" else "class_aware",
    spectra=None if config.decomposes else False,
  )


class ClassRates(NamedTuple):
  """Mean eigenvalues of the classes' kernels.

  Attributes:
    rates_hk: [heads, K]; one row of expected rates where these are asked for.
    spectra: [K, S] eigenvalues, descending, mean over heads, zero-padded; None where no
      kernel is decomposed.
    trace_gap: Largest relative difference of a rate to its kernel's trace over its size,
      which is rounding; None where no kernel is decomposed.
  """

  rates_hk: Float[Array, "h k"]
  spectra: Float[Array, "k s"] | None
  trace_gap: Float[Array, ""] | None


@check_arguments()
def class_rates(
  features: Float[Array, "n d"],
  labels: Int[Array, " n"],
  *,
  num_classes: int,
  key: Array,
  config: LeadConfig,
) -> tuple[Float[Array, "h k"], Float[Array, "k s"] | None]:
  """Computes every class's mean eigenvalue under every drawn head.

  Args:
    features: Already scaled.
    labels: Class ids.
    num_classes: Static K.
    key: Draws samples and heads.
    config: See `LeadConfig`.

  Returns:
    Rates [heads, K] (one row of expected rates where `config.rates` is `expected`), and
    the spectra [K, S], mean over heads; None where no kernel is decomposed.
  """
  found = rates_with_check(
    features, labels, num_classes=num_classes, key=key, config=config
  )
  return found.rates_hk, found.spectra


def rates_with_check(
  features: Float[Array, "n d"],
  labels: Int[Array, " n"],
  *,
  num_classes: int,
  key: Array,
  config: LeadConfig,
) -> ClassRates:
  """Computes what `class_rates` does, and how far the two paths to a rate are apart.

  Args:
    features: As `class_rates`.
    labels: As `class_rates`.
    num_classes: As `class_rates`.
    key: As `class_rates`.
    config: As `class_rates`.
  """
  key_samples, key_heads = jax.random.split(key)
  indices, mask = _chosen(labels, num_classes, key_samples, config)
  dim = features.shape[1]
  spread: Callable[[Array], Array] = lambda rates: jnp.broadcast_to(
    rates, (rates.shape[0], num_classes)
  )

  if config.rates == "expected":
    squared_norms = jnp.sum(jnp.square(features), axis=1)[indices]
    diagonal = ntk.expected_head_kernel_diagonal(
      squared_norms,
      dim=dim,
      num_classes=num_classes,
      hidden=config.hidden,
      initializer=config.initializer,
    )
    rates = ntk.mean_eigenvalues_by_trace(diagonal, mask)[None, :]
    return ClassRates(spread(rates), None, None)

  head = ntk.MLPHead(num_classes, config.hidden, config.initializer)

  def decomposed(head_key: Array) -> tuple[Array, Array, Array]:
    params = ntk.init_head(head, head_key, dim, features.dtype)
    spectra, diagonal = _spectra(params, features, indices, mask, config)
    by_trace = ntk.mean_eigenvalues_by_trace(diagonal, mask)
    return ntk.mean_eigenvalues(spectra, mask), spectra, by_trace

  def traced(head_key: Array) -> Array:
    params = ntk.init_head(head, head_key, dim, features.dtype)
    diagonal = jax.lax.map(
      lambda index_s: ntk.head_kernel_diagonal(
        params, features[index_s], initializer=config.initializer
      ),
      indices,
      batch_size=8,
    )
    return ntk.mean_eigenvalues_by_trace(diagonal, mask)

  # One head at a time: its parameters are the largest arrays here.
  head_keys = jax.random.split(key_heads, config.head_seeds)
  if not config.decomposes:
    return ClassRates(spread(jax.lax.map(traced, head_keys)), None, None)
  rates, spectra, by_trace = jax.lax.map(decomposed, head_keys)
  # A class without samples has no rate, and a kernel of zeros nothing to compare.
  compared = by_trace > 0
  gap = jnp.abs(rates - by_trace) / jnp.where(compared, by_trace, 1)
  trace_gap = jnp.max(jnp.where(compared, gap, 0))
  return ClassRates(spread(rates), jnp.mean(spectra, axis=0), trace_gap)


def _spectra(
  params: Params,
  features: Float[Array, "n d"],
  indices: Int[Array, "c s"],
  mask: Bool[Array, "c s"],
  config: LeadConfig,
) -> tuple[Float[Array, "c s"], Float[Array, "c s"]]:
  """Returns every class's eigenvalues and the diagonals of their kernels.

  Classes are decomposed together by `jax.vmap`; where their kernels are larger than
  `_ENTRIES` numbers, some at a time.
  """
  classes, samples = mask.shape
  together = max(1, min(classes, _ENTRIES // samples**2))
  missing = -classes % together

  def blocks(array_cs: Array) -> Array:
    padded = jnp.pad(array_cs, ((0, missing), (0, 0)))
    return padded.reshape(-1, together, samples)

  def one_block(block: tuple[Array, Array]) -> tuple[Array, Array]:
    index_bs, mask_bs = block
    kernels = ntk.class_kernels(
      params, features, index_bs, mask_bs, initializer=config.initializer
    )
    diagonal = jnp.diagonal(kernels, axis1=1, axis2=2)
    return ntk.class_spectra(kernels, mask_bs), diagonal

  spectra, diagonal = jax.lax.map(one_block, (blocks(indices), blocks(mask)))
  return (
    spectra.reshape(-1, samples)[:classes],
    diagonal.reshape(-1, samples)[:classes],
  )


def network_class_rates(
  network: Network,
  labels: Int[Array, " n"],
  *,
  num_classes: int,
  dim: int,
  key: Array,
  config: LeadConfig,
) -> Float[Array, "h k"]:
  """Computes what `class_rates` does with the gradient over backbone and head.

  Args:
    network: The backbone.
    labels: Class ids.
    num_classes: Static K.
    dim: Feature width D.
    key: Draws samples and heads, the same ones as `class_rates`.
    config: See `LeadConfig`.

  Returns:
    Rates [heads, K].
  """
  key_samples, key_heads = jax.random.split(key)
  indices, mask = _chosen(labels, num_classes, key_samples, config)
  head = ntk.MLPHead(num_classes, config.hidden, config.initializer)
  rows = np.unique(np.asarray(indices)[np.asarray(mask)])
  x = network.inputs_of(rows)

  def logits_of(params: Params, x: Array) -> Array:
    features = network.apply_fn(params["backbone"], x)
    return ntk.apply_head(head, params["head"], features)

  @jax.jit
  def norms(backbone: Params, head_key: Array) -> Array:
    params = {"backbone": backbone, "head": ntk.init_head(head, head_key, dim)}
    return ntk.squared_gradient_norms(
      logits_of, params, x, batch_size=network.batch_size
    )

  where = np.searchsorted(rows, np.asarray(indices))
  rates = [
    ntk.mean_eigenvalues_by_trace(norms(network.params, head_key)[where], mask)
    for head_key in jax.random.split(key_heads, config.head_seeds)
  ]
  return jnp.broadcast_to(jnp.stack(rates), (config.head_seeds, num_classes))


def _chosen(
  labels: Int[Array, " n"], num_classes: int, key: Array, config: LeadConfig
) -> tuple[Int[Array, "c s"], Bool[Array, "c s"]]:
  """The samples of each kernel: of each class, or of all mixed."""
  pooled = config.evolution == "mixed"
  return ntk.class_indices(
    jnp.zeros_like(labels) if pooled else labels,
    num_classes=1 if pooled else num_classes,
    samples_per_class=config.samples_per_class,
    key=key if config.sampling == "random" else None,
  )
