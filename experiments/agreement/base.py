"""Reference cases, and what a row of the table of agreement says.

The cases are inputs with the numbers that public implementations returned for them
(`tests/fixtures/oracles/README.md` names each file and call).
"""

import functools
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from lead_jax.readers import read_json, read_npz

FOLDER = pathlib.Path(__file__).parents[2] / "tests" / "fixtures" / "oracles"
CASES = (
  "digits_std",
  "digits_pca32",
  "wine_std",
  "gauss_sep",
  "lowdata",
  "real_flowers_mcunet",
  "real_grocery_mbv1",
)


class Case(NamedTuple):
  """Inputs of a case, cast as the public code got them, and what that returned.

  Attributes:
    name: Of `CASES`.
    x: float64[N, D] features.
    y: int[N] labels.
    arrays: The other inputs: `general_X`, `source_probs` (normalised), `ref_features`,
      `gmm_resp`, `svm_decision` and the small head of LEAD.
    scores: By key, what the public code returned.
    errors: By key, why it failed.
    extras: Further numbers of the case (`extras.json`).
  """

  name: str
  x: np.ndarray
  y: np.ndarray
  arrays: Mapping[str, np.ndarray]
  scores: Mapping[str, Any]
  errors: Mapping[str, str]
  extras: Mapping[str, Any]


@functools.cache
def load_case(name: str) -> Case:
  """Reads a case."""
  arrays = {
    key: array.astype(np.float64) if array.dtype.kind == "f" else array
    for key, array in read_npz(FOLDER / f"{name}.npz", name).arrays.items()
  }
  found = read_json(FOLDER / f"{name}.json", finite=False)
  extras = read_json(FOLDER / "extras.json", finite=False)
  probs = arrays["source_probs"]
  arrays["source_probs"] = probs / probs.sum(axis=1, keepdims=True)
  x, y = arrays.pop("X"), arrays.pop("y")
  scores = {k: v for k, v in found["scores"].items() if v is not None}
  return Case(name, x, y, arrays, scores, found.get("errors", {}), extras.get(name, {}))


class Row(NamedTuple):
  """How one of our numbers relates to a key of the reference scores.

  Attributes:
    metric: Ours.
    key: Of the reference scores (`Case.scores`, else `Case.extras`).
    call: Our call, as the table prints it.
    ours: Computes it in float64: a number, or as many as `theirs` picks.
    theirs: From the stored entry to the number or numbers compared; all of it by default.
    tolerance: Relative to the larger of the two.
    absolute: Differences below it are rounding.
    note: Why the tolerance is what it is, or what the reference does otherwise.
    cases: Names of the cases compared; all that have the key by default.
  """

  metric: str
  key: str
  call: str
  ours: Callable[[Case], float | Sequence[float]]
  theirs: Callable[[Any], Any] = lambda stored: stored
  tolerance: float = 1e-6
  absolute: float = 0.0
  note: str = ""
  cases: tuple[str, ...] = CASES


class Apart(NamedTuple):
  """A key that ours is not meant to equal, and why."""

  key: str
  why: str
