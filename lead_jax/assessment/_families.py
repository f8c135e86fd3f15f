"""Families of models: what to leave out together to see what a result hangs on."""

import os
import re
from collections.abc import Mapping, Sequence

from lead_jax.checks import InputError
from lead_jax.readers import read_csv
from lead_jax.system import user_path

# Words of an architecture up to the first that tells its members apart.
_MEMBER = re.compile(r"[\d(,]")
# A version belongs to the name, a depth or a width does not.
_NAME = re.compile(r"(?P<name>.*?[vV]\d+|.*?)(?:[-_]?\d.*)?$")
# Where the description of pre-training data ends and its details start.
_DETAILS = re.compile(r"\s*(?:[(;,]|->).*$")


def architecture_family(text: str) -> str:
  """Returns the leading name of an architecture: `ResNet-20 (option A)` is a `ResNet`."""
  words = text.split()
  if not words or text == "ready features":
    return ""
  first = _NAME.match(words[0].rstrip(",;"))
  name = (first.group("name") if first else "") or words[0]
  if name != words[0].rstrip(",;"):
    return name
  rest = words[1:]
  for end, word in enumerate(rest):
    if _MEMBER.search(word):
      return " ".join([name, *rest[:end]])
  return " ".join([name, *rest])


def pretraining_family(text: str) -> str:
  """Returns the pre-training data without details: `ImageNet-1k (1001 logits)` is it."""
  return _DETAILS.sub("", text).strip()


def families_of(
  models: Sequence[str], described: Mapping[str, str], kind: str
) -> dict[str, str]:
  """Returns every model's family; one of which nothing is known is its own.

  Args:
    models: Names.
    described: By model, its architecture or pre-training in words.
    kind: `architecture` or `pretraining`.
  """
  family = {"architecture": architecture_family, "pretraining": pretraining_family}[
    kind
  ]
  return {model: family(described.get(model, "")) or model for model in models}


def read_families(path: str | os.PathLike, models: Sequence[str]) -> dict[str, str]:
  """Reads a file of families (columns `model` and `family`).

  Args:
    path: The CSV file.
    models: Those that take part; each must have a family.

  Raises:
    InputError: If it cannot be read, lacks a column or a model.
  """
  table = read_csv(user_path(path), columns=("model", "family"))
  found = {row["model"]: row["family"].strip() for row in table.rows}
  for model in models:
    if not found.get(model):
      raise InputError(f"{path} has no family of model {model!r}")
  return {model: found[model] for model in models}
