"""A timm network with its weights: published ones, those of a file, or random ones.

Published weights are fetched from the Hugging Face hub as one file. That file and a
user's own are read without executing anything, and given to timm as tensors, which then
renames and reshapes what other sources call or cut differently, as it does for its own.
"""

import hashlib
import logging
import pathlib
import re
from collections.abc import Mapping
from typing import Any

from lead_jax.backbones._timm._library import Module, quiet, require_timm, tags_of
from lead_jax.backbones._weights._read import read_weights
from lead_jax.checks import InputError, one_line, shown

_SHOWN = 3  # names of tensors in a message
# Where training programs keep the network among other things; averages before the last.
_WRAPPERS = ("state_dict_ema.", "model_ema.", "state_dict.", "model.", "module.")


def make_network(
  name: str, *, weights: pathlib.Path | None, pretrained: bool
) -> tuple[Module, str]:
  """Returns the network in evaluation mode, and where its weights come from.

  Args:
    name: As timm writes it, with or without a tag.
    weights: A safetensors or torch file; None for the published ones.
    pretrained: Whether to load weights where no file is given.

  Raises:
    InputError: If weights cannot be fetched, read, or are not this network's.
  """
  timm = require_timm()
  if weights is None and not pretrained:
    with quiet():
      return timm.create_model(name).eval(), "random weights"
  published = timm.get_pretrained_cfg(name)
  overlay: dict[str, Any] = {}
  if weights is None:
    weights, source = _fetch(name, published)
    tensors = _tensors(weights)
  else:
    source, tensors = str(weights), _tensors(weights)
    classes = _classes(tensors, published.classifier)
    if classes is not None:
      overlay = {"num_classes": classes, "label_offset": None}
  overlay["state_dict"] = tensors
  notes = _Notes()
  try:
    with quiet(), notes:
      network = timm.create_model(name, pretrained=True, pretrained_cfg_overlay=overlay)
  except Exception as error:  # timm's conversions fail however they like
    reason = _summary(str(error)) or f"{type(error).__name__}"
    raise InputError(
      f"{weights}: not the weights of timm's {name}: {reason}"
    ) from error
  if notes.found:
    raise InputError(
      f"{weights}: not the weights of timm's {name}: {'; '.join(notes.found)}"
    )
  network.pretrained_cfg.pop("state_dict")
  return network.eval(), source


def content_hash(network: Module) -> str:
  """SHA-256 (hex) of a network's tensors and their names."""
  digest = hashlib.sha256()
  for name, tensor in sorted(network.state_dict().items()):
    array = tensor.detach().cpu().contiguous()
    digest.update(f"{name} {array.dtype} {tuple(array.shape)};".encode())
    digest.update(array.reshape(-1).view(dtype=_torch().uint8).numpy().data)
  return digest.hexdigest()


def _torch() -> Any:
  import torch

  return torch


def _fetch(name: str, published: Any) -> tuple[pathlib.Path, str]:
  """The file of published weights, from the hub or its cache, and its address."""
  from huggingface_hub import hf_hub_download
  from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

  by_hand = f"and name it as timm/{name}=FILE"
  if not published.hf_hub_id:
    architecture = name.partition(".")[0]
    if published.url:
      raise InputError(
        f"timm/{name}: its weights are not on the hub: fetch {published.url} by hand "
        f"{by_hand}"
      )
    others = ", ".join(f"{architecture}.{tag}" for tag in tags_of(architecture))
    raise InputError(
      f"timm/{name}: timm publishes no such weights"
      + (f" (but {others})" if others else "")
      + f"; give your own as timm/{name}=FILE"
    )
  repository, _, revision = published.hf_hub_id.partition("@")
  address = f"https://huggingface.co/{repository}"
  given = published.hf_hub_filename
  files = [given] if given else ["model.safetensors", "pytorch_model.bin"]
  reason = ""
  for file in files:
    try:
      with quiet():
        path = hf_hub_download(repository, file, revision=revision or None)
      return pathlib.Path(path), address
    except LocalEntryNotFoundError:
      reason = "the hub cannot be reached, and its cache does not hold them"
      break
    except EntryNotFoundError:
      reason = f"the hub has no file {' or '.join(files)} of them"
    except Exception as error:  # whatever the network or the hub says
      reason = one_line(error, most=200)
      break
  raise InputError(
    f"timm/{name}: its weights cannot be fetched ({reason}): fetch {files[0]} from "
    f"{address} by hand {by_hand}"
  )


def _tensors(path: pathlib.Path) -> dict[str, Any]:
  """The tensors of a file under the names that the network gave them."""
  arrays = read_weights(path)
  for wrapper in _WRAPPERS:
    inner = {
      key.removeprefix(wrapper): value
      for key, value in arrays.items()
      if key.startswith(wrapper)
    }
    arrays = inner or arrays
  # timm's messages, read below, repeat names as they are.
  for key in arrays:
    if key != shown(key):
      raise InputError(
        f"{path}: not the weights of a network of timm: one is called {shown(key)!r}"
      )
  return {key: _torch().tensor(value) for key, value in arrays.items()}


def _classes(tensors: Mapping[str, Any], classifier: Any) -> int | None:
  """How many classes a file's classifier knows; None where it is called otherwise."""
  first = classifier if isinstance(classifier, str) else (*(classifier or ()), "")[0]
  weight = tensors.get(f"{first}.weight")
  return None if weight is None else len(weight)


class _Notes(logging.Handler):
  """Hears of tensors that timm leaves out where it does not insist on all of them."""

  def __init__(self):
    super().__init__()
    self.found: list[str] = []
    self._logger = logging.getLogger("timm.models._builder")

  def emit(self, record: logging.LogRecord) -> None:
    text = record.getMessage()
    if match := re.match(r"(Missing|Unexpected) keys \((.*?)\)", text):
      self.found.append(_listed(match[1].lower(), match[2].split(", ")))

  def __enter__(self) -> None:
    everyone = logging.getLogger("timm")
    self._before = (self._logger.level, everyone.level, logging.root.manager.disable)
    self._logger.addHandler(self)
    self._logger.setLevel(logging.INFO)
    self._logger.propagate = False
    everyone.setLevel(logging.CRITICAL)
    logging.disable(logging.DEBUG)

  def __exit__(self, *_: object) -> None:
    own, everyones, disabled = self._before
    self._logger.removeHandler(self)
    self._logger.setLevel(own)
    self._logger.propagate = True
    logging.getLogger("timm").setLevel(everyones)
    logging.disable(disabled)


def _summary(message: str) -> str:
  """One line of what torch says, in many, about tensors that do not fit."""
  parts = []
  for kind in ("Missing", "Unexpected"):
    if match := re.search(rf"{kind} key\(s\) in state_dict: (.*)", message):
      parts.append(_listed(kind.lower(), re.findall(r'"([^"]+)"', match[1])))
  shapes = re.findall(
    r"size mismatch for (\S+): .*?(\[[\d, ]*\]).*?(\[[\d, ]*\])", message
  )
  if shapes:
    parts.append(
      _listed("misshapen", [f"{key} {given}, not {due}" for key, given, due in shapes])
    )
  return "; ".join(parts) or shown(message)


def _listed(kind: str, names: list[str]) -> str:
  more = ", ..." if len(names) > _SHOWN else ""
  return f"{len(names)} {kind} ({', '.join(map(shown, names[:_SHOWN]))}{more})"
