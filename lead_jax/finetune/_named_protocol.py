"""From what a user wrote to a protocol: a named one, and what they changed of it."""

import dataclasses
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from lead_jax.checks import InputError, parameter
from lead_jax.finetune._protocol import ADAMW5, ADAMW8, PROTOCOLS, Protocol

# What the tables have columns for.
_IN_COLUMNS = ("learning_rates", "weight_decays", "seeds", "measure")
# A default run has at least so many steps, however few the images: its learning rate rises
# for the first 20.
_LEAST_STEPS = 60

# By field of a protocol, what it is, in one sentence.
PROTOCOL_HELP: Mapping[str, str] = MappingProxyType(
  {
    "optimiser": "Optimiser: sgd or adamw.",
    "learning_rates": "Peak learning rates to choose from, separated by commas.",
    "weight_decays": "Weight decays to choose from; each is tried with each learning rate.",
    "seeds": "Number of runs of each setting.",
    "steps": "Length of a run in steps; replaces epochs.",
    "epochs": "Length of a run in passes over its training images; replaces steps.",
    "batch_size": "Training batch size in images. Changes the result.",
    "momentum": "Momentum of sgd.",
    "nesterov": "Use Nesterov momentum.",
    "divide_decay": "Divide the weight decay of a run by its learning rate.",
    "head_factor": "Learning rate of the head, relative to that of the backbone.",
    "head_scale": "Standard deviation of the head's initial weights, times "
    "sqrt(number of features).",
    "warmup_steps": "Number of steps over which the learning rate rises.",
    "max_gradient_norm": "Clip gradients to this norm; none: do not clip.",
    "trainable": "What is trained: all, or head (a linear classifier on fixed features).",
    "precision": "Precision of matrix products in the backbone: float32 or bfloat16.",
    "flip": "Mirror training images at random.",
    "crop": "Shift training images at random by at most this many pixels.",
    "zoom": "Train on random parts of the images, enlarged.",
    "standardise": "Standardise the features before the head.",
    "max_train": "Maximum number of training images; none: all.",
    "validation_fraction": "Fraction of the training images that chooses the setting.",
    "split_seed": "Seed of every split: of an undivided data set into train and test (0), "
    "and of the training images held out for validation.",
    "retrain": "Train the chosen setting on the held-out images too.",
    "measure": "Accuracy that chooses the setting and stands in the table: top1, "
    "per_class, map or map11; none: top1, or map11 if images have several classes.",
  }
)
_TYPES = {
  field.name: field.type.__name__ if isinstance(field.type, type) else str(field.type)
  for field in dataclasses.fields(Protocol)
}
SWITCHES = tuple(name for name in PROTOCOL_HELP if _TYPES[name] == "bool")


def protocol_of(name: str, given: Mapping[str, str | bool | None]) -> Protocol:
  """Returns a named protocol with changes.

  Args:
    name: A key of `PROTOCOLS`.
    given: By field, what the user wrote; None where nothing.

  Returns:
    The protocol; its name tells what was changed, `adamw8 epochs=2`.

  Raises:
    InputError: If the name is unknown or a value is wrong.
  """
  if name not in PROTOCOLS:
    raise InputError(
      f"{parameter('protocol', name)}: there is no such protocol; there are "
      f"{', '.join(PROTOCOLS)}"
    )
  protocol = PROTOCOLS[name]
  changes = {
    field: _read(field, text) for field, text in given.items() if text is not None
  }
  told = " ".join(
    f"{field}={value}".lower()
    for field, value in changes.items()
    if field not in _IN_COLUMNS and value != getattr(protocol, field)
  )
  # Whichever of the two is given takes the place of the other.
  for one, other in (("steps", "epochs"), ("epochs", "steps")):
    if changes.get(one) is not None and other not in changes:
      changes[other] = None
  try:
    return dataclasses.replace(protocol, **changes, name=f"{name} {told}".strip())
  except ValueError as error:
    field, _, rest = str(error).partition(" ")
    named = parameter(field) if field in PROTOCOL_HELP else field
    raise InputError(f"{named} {rest}") from None


def default_protocol(
  dataset: str, count: int, given: Mapping[str, str | bool | None]
) -> Protocol:
  """Returns the protocol of a data set for which none was named, with changes.

  `adamw5` for the bundled digits, `adamw8` for all else. With few images that is too few
  steps to learn anything: a run then has 60, unless its length is given.

  Args:
    dataset: As the user named it.
    count: Number of images to train on.
    given: As in `protocol_of`.

  Raises:
    InputError: If a value is wrong.
  """
  if dataset == "digits":
    return protocol_of(ADAMW5.name, given)
  protocol = protocol_of(ADAMW8.name, given)
  if given.get("steps") is not None or given.get("epochs") is not None:
    return protocol
  held = int(protocol.validation_fraction * count)
  trained = min(count - held, protocol.max_train or count)
  steps = (protocol.epochs or 0) * math.ceil(trained / protocol.batch_size)
  if steps >= _LEAST_STEPS:
    return protocol
  return protocol_of(ADAMW8.name, {**given, "steps": str(_LEAST_STEPS)})


def _read(field: str, text: str | bool) -> Any:
  """Reads a value of one of the few types that fields have."""
  if isinstance(text, bool):
    return text
  kind = _TYPES[field]
  try:
    if kind.startswith("tuple"):
      return tuple(float(part) for part in text.split(","))
    if text.lower() == "none" and "None" in kind:
      return None
    for known, read in (("int", int), ("float", float)):
      if kind.startswith(known):
        return read(text)
  except ValueError:
    what = "numbers separated by commas" if kind.startswith("tuple") else kind
    raise InputError(f"{parameter(field, text)}: expected {what}") from None
  return text
