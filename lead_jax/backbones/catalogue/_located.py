"""Where weights of published networks are. Imports no JAX: lists of networks need it."""

import dataclasses
import os
import pathlib
import warnings
from collections.abc import Callable
from typing import Literal

from lead_jax.backbones.catalogue._card import Card
from lead_jax.checks import InputError, parameter
from lead_jax.system import default_cache_dir, user_path

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
    network_budget: Factor of what an ONNX file may ask for; see `load_onnx`.
  """

  folder: str | os.PathLike | None = None
  cache_dir: str | os.PathLike | None = None
  download: bool = True
  check: bool = True
  warn: Callable[[str], object] = warnings.warn
  network_budget: int = 1

  @property
  def cache(self) -> pathlib.Path:
    """`cache_dir`, or the default one."""
    return user_path(self.cache_dir or default_cache_dir())


@dataclasses.dataclass(frozen=True)
class LocatedWeights:
  """A weights file on this machine.

  Attributes:
    path: Of the file.
    layouts: How its tensors may be named, the likeliest first.
    origin: See `Origin`; of `locate_weights`, what it will be once the digest is checked.
  """

  path: pathlib.Path
  layouts: tuple[str, ...]
  origin: Origin


def locate_weights(card: Card, sources: WeightSources) -> LocatedWeights | None:
  """Finds a network's weights on this machine without reading them; None if absent."""
  from lead_jax.backbones._weights._fetch import cached_download

  if sources.folder is not None:
    folder = user_path(sources.folder)
    if all((folder / file.name).is_file() for file in card.files):
      return _published(card, folder / card.files[0].name)
    for ending in _ENDINGS:
      if (path := folder / f"{card.name}.{ending}").is_file():
        return LocatedWeights(path, layouts_of(card), "own")
  cached = [cached_download(sources.cache, file) for file in card.files]
  if all(path.is_file() for path in cached):
    return _published(card, cached[0])
  return None


def _published(card: Card, path: pathlib.Path) -> LocatedWeights:
  verified = all(file.sha256 for file in card.files)
  return LocatedWeights(path, (card.layout,), "verified" if verified else "unverified")


def fetch_weights(
  card: Card,
  sources: WeightSources,
  progress: Callable[[int, int], object] | None = None,
) -> LocatedWeights:
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

  found = locate_weights(card, sources)
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
      hint = f"; {parameter('check_weights', False)} takes it as it is"
    else:
      hint = f" ({card.by_hand})" if card.by_hand else ""
    raise InputError(f"{error.marked}{hint}") from error
  return _published(card, path)


def _judged(card: Card, found: LocatedWeights) -> LocatedWeights:
  """What it is of files that are taken whatever their digest is."""
  from lead_jax.backbones._weights._digests import check_digest

  root = found.path.parents[card.files[0].name.count("/")]
  try:
    for file in card.files if found.origin == "verified" else ():
      check_digest(root / file.name, file.sha256)
  except InputError:
    return LocatedWeights(found.path, layouts_of(card), "own")
  return found


def layouts_of(card: Card) -> tuple[str, ...]:
  return tuple(dict.fromkeys((card.layout, *_USUAL)))
