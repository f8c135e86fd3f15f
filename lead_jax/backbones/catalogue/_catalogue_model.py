"""From a card to a backbone: weights found, read, and given to their network."""

import dataclasses
import functools
import os
import pathlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from lead_jax.backbones import networks
from lead_jax.backbones._backbone import Backbone, ModelSpec, Stated
from lead_jax.backbones._input_spec import InputSpec
from lead_jax.backbones.catalogue._card import Card
from lead_jax.backbones.catalogue._located import (
  LocatedWeights,
  WeightSources,
  fetch_weights,
  layouts_of,
)
from lead_jax.checks import InputError
from lead_jax.system import user_path


def catalogue_model(
  card: Card,
  sources: WeightSources | None = None,
  *,
  path: str | os.PathLike | None = None,
  input_spec: InputSpec | None = None,
) -> ModelSpec:
  """Returns a published network as a model; nothing is read or fetched yet.

  Args:
    card: Of the network.
    sources: Where its weights are looked for; the default places if None.
    path: A weights file of one's own instead, named as published or in torchvision's or
      timm's tensor names. Its accuracy and licence are not the card's.
    input_spec: How images are prepared, if not as the card says.
  """
  at = sources or WeightSources()
  name = card.name if path is None else f"{card.name}={os.fspath(path)}"
  own = None if path is None else user_path(path)
  found: LocatedWeights | None = None  # Its digest is checked once.

  def fetch(progress: Callable[[int, int], object] | None = None) -> LocatedWeights:
    nonlocal found
    if found is None and own is not None:
      found = LocatedWeights(own, layouts_of(card), "own")
    found = found or fetch_weights(card, at, progress)
    return found

  def load() -> Backbone:
    place = fetch()
    loaded = _load(name, card, place, at, input_spec or card.input)
    if place.origin == "own":
      return loaded  # What was published of the network need not hold of this file.
    return dataclasses.replace(
      loaded,
      source_accuracy=card.top1,
      pretraining=card.pretraining,
      licence=card.licence,
    )

  spec = input_spec or card.input
  stated = Stated(
    # Published as multiply-adds, at the size of the card.
    2.0
    * card.flops
    * spec.height
    * spec.width
    / (card.input.height * card.input.width),
    card.num_params,
    card.size,
    spec.height * spec.width,
  )
  return ModelSpec(name=name, load=load, fetch=fetch, stated=stated)


def _load(
  name: str,
  card: Card,
  found: LocatedWeights,
  sources: WeightSources,
  input_spec: InputSpec,
) -> Backbone:
  """Reads a weights file into a network."""
  variables, digest = _read(found, card.network, sources.cache)
  network = networks.NETWORKS[card.network]
  classifier = variables["params"].get(network.classifier)
  num_logits = 0 if classifier is None else len(classifier["bias"])
  stats = jax.tree.map(jnp.asarray, variables["batch_stats"])
  remark = {
    "verified": "",
    "unverified": ", not verified: no digest is published of it",
    "own": ", not a published file",
  }
  return Backbone(
    name=name,
    apply=networks.make_apply(card.network, stats, num_logits),
    low_precision=networks.make_apply(card.network, stats, num_logits, jnp.bfloat16),
    params=jax.tree.map(jnp.asarray, variables["params"]),
    input=input_spec,
    weights_hash=digest,
    num_params=networks.count_params(card.network, num_logits),
    architecture=network.description,
    source=f"{card.homepage} ({found.path.name}{remark[found.origin]})",
  )


def _read(
  found: LocatedWeights, network: str, cache: pathlib.Path
) -> tuple[dict[str, Any], str]:
  """The variables of a network from the first layout that the file has; its digest."""
  from lead_jax.backbones._weights import read_converted
  from lead_jax.backbones.networks._tensors import from_tensors

  fit = functools.partial(from_tensors, network, source=str(found.path))
  first: InputError | None = None
  for layout in found.layouts:
    try:
      # What does not fit the network is not kept in the cache.
      tensors, digest = read_converted(found.path, layout, cache, check=fit)
      return fit(tensors), digest
    except InputError as error:
      first = first or error
  assert first is not None
  raise first
