"""What a metric is to the rest of the program.

A metric is a function of a `Problem` (one model's features, the labels, and whatever else
some methods need) to a `Value`. It is called outside `jit` and composes jitted pieces;
pieces that several metrics of one model need (an SVM, a LEAD result) are computed once,
kept by the problem.
"""

import copy
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import jax
import numpy as np

from lead_jax import checks
from lead_jax.checks import InputError
from lead_jax.dynamics import Network
from lead_jax.typing import Array, ArrayLike

T = TypeVar("T")

OK = "ok"

# Arrays beside features and labels that have a row for every sample.
_PER_SAMPLE = ("source_probs", "reference_features", "gmm_responsibilities")


class Problem:
  """One model's features with the labels, checked, and what was computed from them.

  Attributes:
    features: float[N, D].
    labels: int32[N], ids in `[0, K)`.
    class_names: K names.
    source_probs: float[N, Z], the network's probabilities over its source classes.
    source_features: float[M, D], the same network's features of its source data.
    reference_features: float[N, R], another network's features of the same samples.
    gmm_responsibilities: float[N, C], posteriors of a mixture fitted elsewhere.
    network: The backbone, for metrics that differentiate it.
    key: Source of all randomness; the same for every model, so that models are compared
      under the same draws.
  """

  def __init__(
    self,
    features: ArrayLike,
    labels: ArrayLike,
    *,
    seed: int = 0,
    source_probs: ArrayLike | None = None,
    source_features: ArrayLike | None = None,
    reference_features: ArrayLike | None = None,
    gmm_responsibilities: ArrayLike | None = None,
    network: Network | None = None,
    class_names: Sequence[str] | None = None,
  ):
    """Checks all arrays; raises `InputError` for what cannot be scored.

    Args:
      features: float[N, D].
      labels: [N].
      seed: Of `key`.
      source_probs: Rows must be distributions; they are normalised to the last digit.
      source_features: See above.
      reference_features: See above.
      gmm_responsibilities: As `source_probs`.
      network: See above.
      class_names: What people call the labels where these are ids.
    """
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 2**63:
      raise InputError(f"seed must be a whole number in [0, 2^63), got {seed!r}")
    checked = checks.check_inputs(features, labels)
    self.features = jax.numpy.asarray(checked.features)
    self.labels = jax.numpy.asarray(checked.labels)
    self.class_names = checked.class_names
    if class_names is not None:
      self.class_names = tuple(class_names[int(name)] for name in checked.class_names)
    self.source_probs: Array | None = None
    self.source_features: Array | None = None
    self.reference_features: Array | None = None
    self.gmm_responsibilities: Array | None = None
    for name, array in (
      ("source_probs", source_probs),
      ("source_features", source_features),
      ("reference_features", reference_features),
      ("gmm_responsibilities", gmm_responsibilities),
    ):
      if array is not None:
        self.provide(name, array)
    self.network = network
    self.key: Array = jax.random.key(seed)
    self._kept: dict[Any, Any] = {}

  def subset(self, rows: np.ndarray) -> "Problem":
    """Returns the problem of some of the samples, all classes among them.

    Args:
      rows: int[M], ascending; every class has samples there.

    Returns:
      With the same key, and what was given of the source data as it is.
    """
    found = copy.copy(self)
    found._kept = {}
    for name in ("features", "labels", *_PER_SAMPLE):
      if (array := getattr(self, name)) is not None:
        setattr(found, name, jax.numpy.take(array, rows, axis=0))  # where they are
    if (network := self.network) is not None:
      inputs_of = lambda chosen: network.inputs_of(rows[chosen])
      found.network = network._replace(inputs_of=inputs_of)
    return found

  def provide(self, name: str, array: ArrayLike) -> None:
    """Sets one of the arrays that only some metrics need, after checking it.

    Args:
      name: Of the attribute.
      array: Its value.

    Raises:
      InputError: If its values or its shape are wrong.
    """
    distributions = name in ("source_probs", "gmm_responsibilities")
    check = checks.check_distributions if distributions else checks.check_features
    checked = check(array, name)
    of_source = name == "source_features"
    count, dim = self.features.shape
    if of_source and checked.shape[1] != dim:
      raise InputError(
        f"{name} have {checked.shape[1]} columns but features have {dim}: the same "
        "network's are needed"
      )
    if not of_source and checked.shape[0] != count:
      raise InputError(
        f"{name} have {checked.shape[0]} rows but features have {count}: one a sample"
      )
    setattr(self, name, jax.numpy.asarray(checked))

  @property
  def num_classes(self) -> int:
    return len(self.class_names)

  def smallest_class(self) -> tuple[str, int]:
    """Returns the name and size of the smallest class."""
    counts = np.bincount(self.labels, minlength=self.num_classes)
    smallest = int(np.argmin(counts))
    return self.class_names[smallest], int(counts[smallest])

  def is_constant(self) -> bool:
    """Returns whether all samples have the same features."""

    def same() -> bool:
      first, last = (np.asarray(self.features[i]) for i in (0, -1))
      # Hardly ever is there more to look at.
      return np.array_equal(first, last) and bool(
        jax.numpy.all(self.features == self.features[:1])
      )

    return self.once("is constant", same)

  def once(self, what: Any, compute: Callable[[], T]) -> T:
    """Returns `compute()`, computed the first time that `what` is asked for."""
    if what not in self._kept:
      self._kept[what] = compute()
    return self._kept[what]


class Spread(NamedTuple):
  """How far chance moves a score.

  Attributes:
    std: Standard deviation (unbiased) over the draws whose mean the score is.
    draws: What was drawn, for people: `8 heads`, `5 folds`.
  """

  std: float
  draws: str


class Value(NamedTuple):
  """A metric's answer.

  Attributes:
    score: Larger is better.
    status: `ok`, or what a reader must know before trusting the score.
    details: Further numbers, JSON values.
    spread: Of a score that depends on chance.
    parts: Of a pool-relative metric, what its models are compared by.
  """

  score: float
  status: str = OK
  details: Mapping[str, Any] = {}
  spread: Spread | None = None
  parts: Mapping[str, float] | None = None


Parts = Sequence[Mapping[str, float]]


@dataclasses.dataclass(frozen=True)
class Metric:
  """An entry of the table of metrics. Larger is better in all.

  Attributes:
    function: `(problem, **options) -> Value`.
    description: One line for people.
    unit: Of the score.
    cost: Leading terms of the floating-point operations.
    check: Called with the options before any work; raises `ValueError` for bad ones.
    options: Names of the options that the function takes.
    random: Whether the score depends on the seed.
    needs: Names of arrays of the problem without which there is no score; of
      alternatives, joined by `|`, one will do.
    uses: Names of arrays of the problem that it looks at where they are there.
    pool: For a score that depends on the other models, the rule from all models' parts
      to all models' scores. The function's own score is then that of a model alone.
    least_per_class: Samples of the smallest class below which the score means little.
    least_ratio: N / D below which the score means little.
    resamples: Random parts of the images that are scored for intervals, unless the user
      says: fewer where a score takes a second and more.
  """

  function: Callable[..., Value]
  description: str
  unit: str
  cost: str
  check: Callable[..., object]
  options: tuple[str, ...] = ()
  random: bool = False
  needs: tuple[str, ...] = ()
  uses: tuple[str, ...] = ()
  pool: Callable[[Parts], Sequence[float]] | None = None
  least_per_class: int = 1
  least_ratio: float = 0.0
  resamples: int = 50
  name: str = ""
  version: int = 3

  def identity(self) -> dict:
    return {"scoring": self.version}

  @property
  def arrays(self) -> tuple[str, ...]:
    """Whatever it looks at beside features and labels."""
    needed = [name for need in self.needs for name in need.split("|")]
    return (*needed, *self.uses)


def join(*notes: str) -> str:
  """Joins what there is to say into one status; `ok` where there is nothing."""
  return "; ".join(note for note in notes if note and note != OK) or OK
