"""From a card to a backbone: weights found, read, and given to their network."""

import dataclasses
import functools
import os
import pathlib
import warnings
from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp

from lead_jax.backbones._backbone import Backbone, InputSpec, ModelSpec
from lead_jax.backbones.catalogue._card import Card
from lead_jax.checks import InputError
from lead_jax.system import default_cache_dir

# Layouts of files that are not named as published, beside the card's own, and how such
# files may end; what they are is told by their content.
_USUAL = ("torchvision", "timm")
_ENDINGS = ("safetensors", "pth", "pth.tar", "pkl", "zip")

# Of a weights file: its published digest was right; it has a published name, but no digest
# of it is published; it is somebody's own.
Origin = Literal["verified", "unverified", "own"]


@dataclasses.dataclass(frozen=True)
class WeightSources:
  """Where weights are looked for.

  Attributes:
    folder: Searched first: for the published file by its name, then for `NAME.safetensors`
      or `NAME.pth` (also .pth.tar, .pkl, .zip) with tensors named as published, or in
      torchvision's or timm's names.
    cache_dir: Where downloads and converted weights are kept; the default cache if None.
    download: Whether what is found nowhere is downloaded.
    check: Whether a file under its published name must have its published digest; if not,
      one that has another is taken as somebody's own.
    warn: Told, in one line, what is used but not quite as it should be.
  """

  folder: str | os.PathLike | None = None
  cache_dir: str | os.PathLike | None = None
  download: bool = True
  check: bool = True
  warn: Callable[[str], object] = warnings.warn

  @property
  def cache(self) -> pathlib.Path:
    """`cache_dir`, or the default one."""
    return pathlib.Path(self.cache_dir or default_cache_dir()).expanduser()


@dataclasses.dataclass(frozen=True)
class Located:
  """A weights file on this machine.

  Attributes:
    path: Of the file.
    layouts: How its tensors may be named, the likeliest first.
    origin: See `Origin`; of `locate`, what it will be once the digest has been checked.
  """

  path: pathlib.Path
  layouts: tuple[str, ...]
  origin: Origin


def locate(card: Card, sources: WeightSources) -> Located | None:
  """Finds a network's weights on this machine without reading them; None if absent."""
  from lead_jax.backbones._weights._fetch import cached_download

  if sources.folder is not None:
    folder = pathlib.Path(sources.folder).expanduser()
    if all((folder / file.name).is_file() for file in card.files):
      return _published(card, folder / card.files[0].name)
    for ending in _ENDINGS:
      if (path := folder / f"{card.name}.{ending}").is_file():
        return Located(path, _layouts(card), "own")
  cached = [cached_download(sources.cache, file) for file in card.files]
  if all(path.is_file() for path in cached):
    return _published(card, cached[0])
  return None


def _published(card: Card, path: pathlib.Path) -> Located:
  verified = all(file.sha256 for file in card.files)
  return Located(path, (card.layout,), "verified" if verified else "unverified")


def fetch_weights(
  card: Card,
  sources: WeightSources,
  progress: Callable[[int, int], object] | None = None,
) -> Located:
  """Finds a network's weights, or downloads them; published digests are checked.

  Args:
    card: Of the network.
    sources: Where they are looked for.
    progress: Told of (bytes, bytes in all) of a download; 0 where not known.

  Raises:
    InputError: In one line, what to fetch by hand and where to put it; or that a file is
      not the published one.
  """
  from lead_jax.backbones._weights._fetch import find_weights

  found = locate(card, sources)
  if found is not None and (found.origin == "own" or not sources.check):
    return _judged(card, found)
  try:
    path = find_weights(
      card.files,
      weights_dir=sources.folder,
      cache_dir=sources.cache,
      download=sources.download,
      progress=progress,
    )
  except InputError as error:
    if found is not None:
      hint = "; --nocheck_weights takes it as it is"
    else:
      hint = f" ({card.by_hand})" if card.by_hand else ""
    raise InputError(f"{error}{hint}") from error
  return _published(card, path)


def _judged(card: Card, found: Located) -> Located:
  """What it is of files that are taken whatever their digest is."""
  from lead_jax.backbones._weights._digests import check_digest

  root = found.path.parents[card.files[0].name.count("/")]
  try:
    for file in card.files if found.origin == "verified" else ():
      check_digest(root / file.name, file.sha256)
  except InputError:
    return Located(found.path, _layouts(card), "own")
  return found


def _layouts(card: Card) -> tuple[str, ...]:
  return tuple(dict.fromkeys((card.layout, *_USUAL)))


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
  own = None if path is None else pathlib.Path(path).expanduser()
  found: Located | None = None  # Its digest is checked once.

  def fetch(progress: Callable[[int, int], object] | None = None) -> Located:
    nonlocal found
    if found is None and own is not None:
      found = Located(own, _layouts(card), "own")
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

  return ModelSpec(name=name, load=load, fetch=fetch)


def _load(
  name: str, card: Card, found: Located, sources: WeightSources, input_spec: InputSpec
) -> Backbone:
  """Reads a weights file into a network."""
  from lead_jax.backbones import networks

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
  found: Located, network: str, cache: pathlib.Path
) -> tuple[dict[str, Any], str]:
  """The variables of a network from the first layout that the file has; its digest."""
  from lead_jax.backbones._weights import converted
  from lead_jax.backbones.networks._tensors import from_tensors

  fit = functools.partial(from_tensors, network, source=str(found.path))
  first: InputError | None = None
  for layout in found.layouts:
    try:
      # What does not fit the network is not kept in the cache.
      tensors, digest = converted(found.path, layout, cache, check=fit)
      return fit(tensors), digest
    except InputError as error:
      first = first or error
  assert first is not None
  raise first
