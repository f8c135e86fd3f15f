"""From flags to a protocol: a named one, and what the user changes of it."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from absl import flags

from lead_jax.checks import InputError
from lead_jax.finetune import PROTOCOLS, Protocol

# What a table says in columns of their own.
_TOLD_ELSEWHERE = ("learning_rates", "weight_decays", "seeds", "measure")

_HELP = {
  "optimiser": "sgd | adamw.",
  "learning_rates": "Peaks to choose from.",
  "weight_decays": "To choose from; each is tried with each learning rate.",
  "seeds": "Repetitions of each setting.",
  "steps": "Length of a run in steps (in place of --epochs).",
  "epochs": "Length of a run in passes (in place of --steps).",
  "batch_size": "Images a step.",
  "momentum": "Of sgd.",
  "nesterov": "Nesterov's momentum.",
  "divide_decay": "Divide a run's weight decay by its learning rate.",
  "head_factor": "The head's learning rate over the network's.",
  "head_scale": "Standard deviation of its first weights, times sqrt(features).",
  "warmup_steps": "Over which the learning rate rises.",
  "max_gradient_norm": "Gradients are clipped to it; none for no clipping.",
  "trainable": "all | head.",
  "precision": "float32 | bfloat16, of the network's products.",
  "flip": "Mirror training images at random.",
  "crop": "Shift them at random by so many pixels at most.",
  "zoom": "Enlarge random parts of them.",
  "standardise": "Standardise features before the head.",
  "max_train": "Training images at most; none for all.",
  "validation_fraction": "Share of train that chooses the setting.",
  "split_seed": "Of what is held out.",
  "retrain": "Train the chosen setting on the held-out images too.",
  "measure": "top1 | per_class | map | map11: what chooses, and what the table says; none "
  "is top1, or map11 where an image may be of several classes.",
}


FIELDS = tuple(_HELP)
_TYPES = {
  field.name: field.type.__name__ if isinstance(field.type, type) else str(field.type)
  for field in dataclasses.fields(Protocol)
}


def define_flags(values: flags.FlagValues) -> None:
  """Defines a flag for every field of a protocol; all of them None."""
  for name, text in _HELP.items():
    text += " Default: the protocol's."
    if _TYPES[name] == "bool":
      flags.DEFINE_bool(name, None, text, flag_values=values)
    else:
      flags.DEFINE_string(name, None, text, flag_values=values)


def given(values: flags.FlagValues) -> dict[str, str | bool | None]:
  """What the user wrote, by field; None where nothing."""
  return {name: values[name].value for name in FIELDS}


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
    raise InputError(f"--protocol={name}: there are {', '.join(PROTOCOLS)}")
  protocol = PROTOCOLS[name]
  changes = {
    field: _read(field, text) for field, text in given.items() if text is not None
  }
  told = " ".join(
    f"{field}={value}".lower()
    for field, value in changes.items()
    if field not in _TOLD_ELSEWHERE and value != getattr(protocol, field)
  )
  # Whichever of the two is given takes the place of the other.
  for one, other in (("steps", "epochs"), ("epochs", "steps")):
    if changes.get(one) is not None and other not in changes:
      changes[other] = None
  try:
    return dataclasses.replace(protocol, **changes, name=f"{name} {told}".strip())
  except ValueError as error:
    raise InputError(f"--{error}") from None


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
    what = "numbers with commas between" if kind.startswith("tuple") else kind
    raise InputError(f"--{field}={text}: expected {what}") from None
  return text
