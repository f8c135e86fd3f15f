"""From what a user types to models.

Names of a zoo file, `digits/NAME`, published networks (`resnet50`, `moco_v2`, with
`NAME=FILE` for weights of one's own), `timm/NAME`, `features:FILE`. An installed
distribution offers more, `PREFIX/NAME`, under the entry-point group `lead_jax.backbones`:
functions of a name that return a `ModelSpec`.
"""

import difflib
import os
from collections.abc import Sequence

from lead_jax.backbones._backbone import ModelSpec, ReadyFeatures, Stated
from lead_jax.backbones.catalogue import CATALOGUE, ZOOS
from lead_jax.backbones.catalogue._catalogue_model import catalogue_model
from lead_jax.backbones.catalogue._located import WeightSources
from lead_jax.checks import InputError, parameter, shown
from lead_jax.readers import read_npz
from lead_jax.system import call_plugin, plugins, user_path

PLUGINS = "lead_jax.backbones"

_TIMM = "timm/"


def resolve_models(
  names: Sequence[str | ModelSpec] | None,
  zoo: str | os.PathLike | None = None,
  sources: WeightSources | None = None,
) -> list[ModelSpec]:
  """Finds every model that is asked for; reads no weights.

  Args:
    names: A name of the zoo file, `digits/NAME` or all of `digits`, a published network
      (a key of `CATALOGUE`) or a zoo of them (`supervised`, `self-supervised`),
      `timm/NAME`, `features:FILE.npz`, `PREFIX/NAME` of a plug-in, or ready
      specifications. `NAME=FILE` and
      `timm/NAME=FILE` take the weights from a file. Everything in the zoo file where None
      (in the bundled digits zoo where there is no zoo file either).
    zoo: A zoo file; see `load_zoo`.
    sources: Where weights of published networks are looked for; the default places where
      None.

  Returns:
    Specifications, in the order asked for.

  Raises:
    InputError: If a name is unknown (the nearest ones are listed) or given twice.
  """
  from lead_jax.backbones._zoo_file import load_zoo
  from lead_jax.backbones.digits import digits_models

  sources = sources or WeightSources()
  listed = [] if zoo is None else load_zoo(zoo, network_budget=sources.network_budget)
  in_zoo = {spec.name: spec for spec in listed}
  bundled = {spec.name: spec for spec in digits_models()}
  if names is None:
    return list((in_zoo or bundled).values())
  found: list[ModelSpec] = []
  for name in [names] if isinstance(names, str) else names:
    if isinstance(name, ModelSpec):
      found.append(name)
    elif not isinstance(name, str):
      raise InputError(f"models are named by text, got {name!r}")
    elif name.startswith("features:"):
      found.append(ready_features(name))
    elif name == "digits":
      found.extend(bundled.values())
    elif name in in_zoo or name in bundled:
      found.append(in_zoo.get(name) or bundled[name])
    elif name in ZOOS:
      cards = (card for card in CATALOGUE.values() if card.zoo == name)
      found.extend(catalogue_model(card, sources) for card in cards)
    elif (published := _published(name, sources)) is not None:
      found.append(published)
    elif (offered := _from_plugin(name)) is not None:
      found.append(offered)
    else:
      raise InputError(_unknown(name, [*in_zoo, *bundled], zoo))
  if not found:
    raise InputError(
      f"no models were given: name at least one, or a zoo file by {parameter('zoo')}"
    )
  seen: set[str] = set()
  for spec in found:
    if spec.name in seen:
      raise InputError(f"model {spec.name!r} is given twice: name it once")
    seen.add(spec.name)
  return found


def _published(text: str, sources: WeightSources) -> ModelSpec | None:
  """A network of the catalogue or of timm, its weights perhaps from a file."""
  name, equals, path = text.partition("=")
  if equals and not path:
    raise InputError(f"{text!r}: give the weights file after the equals sign")
  weights = path or None
  if name.startswith(_TIMM):
    from lead_jax.backbones._timm._timm_model import timm_model

    return timm_model(
      name.removeprefix(_TIMM),
      weights=weights,
      cache_dir=sources.cache,
      warn=sources.warn,
    )
  if name in CATALOGUE:
    return catalogue_model(CATALOGUE[name], sources, path=weights)
  return None


def _from_plugin(text: str) -> ModelSpec | None:
  """A network that an installed distribution offers; None where none has the prefix."""
  prefix, slash, name = text.partition("/")
  if not slash or prefix not in plugins(PLUGINS):
    return None
  return call_plugin(PLUGINS, prefix, name, returns=ModelSpec)


def _unknown(name: str, known: Sequence[str], zoo: str | os.PathLike | None) -> str:
  if name.lower().endswith(".onnx"):
    return (
      f"{name!r} is a network without a description: list it in a zoo file (its input "
      "size, channel order, mean and std cannot be guessed) and give that by "
      f"{parameter('zoo')}"
    )
  near = difflib.get_close_matches(name.partition("=")[0], [*known, *CATALOGUE], n=3)
  hint = f"did you mean {' or '.join(near)}? " if near else ""
  where = f"{str(zoo)!r} and the bundled zoo hold" if zoo else "the bundled zoo holds"
  offered = "".join(
    f"{prefix}/NAME is of {plugin.source}, "
    for prefix, plugin in plugins(PLUGINS).items()
  )
  return (
    f"there is no model {name!r}: {hint}{where} {', '.join(known)}; "
    f"`lead-rank models` lists published networks, {offered}timm/NAME is any of timm's, "
    "and features made elsewhere are features:FILE.npz"
  )


def ready_features(name: str) -> ModelSpec:
  """Returns the specification of `features:FILE.npz`.

  The file holds `features` [N, D] and may hold `labels` [N], `source_probs` [N, Z] and
  `source_features` [M, D].
  """
  path = user_path(name.removeprefix("features:"))

  def load() -> ReadyFeatures:
    read = read_npz(path, name, digest=True)
    held = read.arrays
    if "features" not in held:
      keys = shown(", ".join(held) or "nothing")
      raise InputError(f"{name}: has no array 'features'; it holds {keys}")
    if held["features"].ndim != 2:
      raise InputError(
        f"{name}: 'features' has shape {held['features'].shape}, not [N, D]"
      )
    return ReadyFeatures(
      name=name,
      features=held["features"],
      labels=held.get("labels"),
      weights_hash=read.digest,
      source_probs=held.get("source_probs"),
      source_features=held.get("source_features"),
    )

  # Nothing goes through a network.
  return ModelSpec(name=name, load=load, stated=Stated(flops=0.0))
