"""What a metric is to the rest of the program.

A metric is a function of a `Problem` (one model's features, the labels, and whatever else
some methods need) to a `Value`. It is called outside `jit` and composes jitted pieces;
pieces that several metrics of one model need (an SVM, a LEAD result) are computed once,
kept by the problem.
"""

import copy
import dataclasses
import functools
import inspect
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import jax
import numpy as np

from lead_jax import checks
from lead_jax.checks import InputError, Options as Options, option as option
from lead_jax.dynamics import Network
from lead_jax.system import source_hash
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
  ) -> None:
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
        f"{name} have {checked.shape[0]} rows but features have {count}: one per sample"
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
    found: T = self._kept[what]
    return found


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

# Letters that `--metrics=a,b` and `--option=NAME.OPTION=VALUE` leave to a name.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


@dataclasses.dataclass(frozen=True)
class Metric:
  """A way to score one model's features against labels. Larger is better in all.

  Attributes:
    name: What people call it: letters, digits, `_` and `-`.
    compute: `(problem, options) -> Value`, options being an instance of `options`.
    description: One line for people.
    unit: Unit of the score.
    cost: Leading terms of the floating-point operations.
    options: Its options, a frozen dataclass derived from `Options`.
    random: Whether the score depends on the seed.
    needs: Names of arrays of the problem without which there is no score; of
      alternatives, joined by `|`, one will do.
    uses: Names of arrays of the problem that it looks at where they are there.
    pool: For a score that depends on the other models, the rule from all models' parts
      to all models' scores. The score in `Value` is then that of a model alone.
    pool_note: What to say of those scores, from the same parts; nothing where all is well.
    least_per_class: Samples of the smallest class below which the score means little.
    least_ratio: N / D below which the score means little.
    resamples: Number of random parts of the images that are scored for intervals, unless
      the user says: fewer where a score takes a second and more.
    version: Part of the key of a stored score: raise it whenever the metric gives another
      number for the same features.
  """

  name: str
  compute: Callable[[Problem, Any], Value]
  description: str = ""
  unit: str = "score"
  cost: str = ""
  _: dataclasses.KW_ONLY
  options: type[Options] = Options
  random: bool = False
  needs: tuple[str, ...] = ()
  uses: tuple[str, ...] = ()
  pool: Callable[[Parts], Sequence[float]] | None = None
  pool_note: Callable[[Parts], str] | None = None
  least_per_class: int = 1
  least_ratio: float = 0.0
  resamples: int = 50
  version: int = 1

  def __post_init__(self) -> None:
    """Refuses what no metric can be; raises `InputError`."""
    if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
      raise InputError(
        "a metric's name is made of letters, digits, _ and -, and begins with a letter, "
        f"got {self.name!r}"
      )
    if not callable(self.compute):
      raise InputError(
        f"metric {self.name!r}: compute must be a function, got {self.compute!r}"
      )
    if not (isinstance(self.options, type) and issubclass(self.options, Options)):
      raise InputError(
        f"metric {self.name!r}: options must be a dataclass derived from "
        f"lead_jax.metrics.Options, got {self.options!r}"
      )
    try:
      self.options()  # every option has a default, and the defaults are allowed
      self.options.described()
    except (TypeError, ValueError) as error:
      raise InputError(f"metric {self.name!r}: {error}") from error
    if taken := [name for name in self.options.names() if hasattr(Options, name)]:
      raise InputError(f"metric {self.name!r}: no option can be named {taken[0]!r}")
    known = (*_PER_SAMPLE, "source_features")
    if wrong := [name for name in self.arrays if name not in known]:
      raise InputError(
        f"metric {self.name!r}: a problem has no array {wrong[0]!r}; it has: "
        f"{', '.join(known)}"
      )

  @classmethod
  def of(cls, function: Callable[..., Any], name: str = "", **facts: Any) -> "Metric":
    """Makes a metric of a plain function of features and labels.

    Args:
      function: `(features, labels, ...) -> float`, larger being better. Of its further
        parameters, those named `num_classes`, `key` and as the arrays of a `Problem`
        (which are needed then) are filled in; all others have a default and a type, and
        are the metric's options.
      name: What people call it; the function's own name where empty.
      **facts: Further attributes of `Metric`.

    Raises:
      InputError: If a parameter is neither of these.
    """
    return _metric_of(function, name or getattr(function, "__name__", ""), facts)

  @property
  def arrays(self) -> tuple[str, ...]:
    """Names of all arrays that it looks at beside features and labels."""
    needed = [name for need in self.needs for name in need.split("|")]
    return (*needed, *self.uses)

  def read_options(self, given: Mapping[str, Any]) -> Options:
    """Checks options and returns them all, defaults included.

    Raises:
      InputError: If there is no such option, or a value is not allowed.
    """
    for name in given:
      if name not in self.options.names():
        known = ", ".join(self.options.names()) or "none"
        raise InputError(
          f"metric {self.name!r} has no option {name!r}; it has: {known}"
        )
    try:
      return self.options(**given)
    except (TypeError, ValueError) as error:
      raise InputError(f"metric {self.name!r}: {error}") from error

  def identity(self) -> dict[str, Any]:
    """Returns what tells this metric's scores from those of another version of it.

    Returns:
      JSON values: `scoring`, its version, and `source`, a hash of its code, of a metric
      that is not this package's own. An edited metric has another hash, and so has one
      whose captured values have changed. A metric that is made of parts of this
      package's, such as another's `compute`, is not its own. Where something of it cannot
      be hashed, `source` is another each time, and `stable` is there and False.
    """
    found: dict[str, Any] = {"scoring": self.version}
    if _is_own(self):
      return found
    found["source"], stable = source_hash(self.compute, self.options)
    return found if stable else {**found, "stable": False}


# The version of this package's metrics; one that changes by itself says its own.
SCORING_VERSION = 3

own_metric = functools.partial(Metric, version=SCORING_VERSION)


def _is_own(metric: Metric) -> bool:
  """Whether a metric is a value of this room, whose version speaks for it."""
  name = getattr(metric.compute, "__module__", None)
  if not isinstance(name, str) or not name.startswith("lead_jax.metrics."):
    return False
  module = sys.modules.get(name)
  return module is not None and any(it is metric for it in vars(module).values())


def _metric_of(
  function: Callable[..., Any], name: str, facts: Mapping[str, Any]
) -> Metric:
  """See `Metric.of`."""
  parameters = list(inspect.signature(function, eval_str=True).parameters.values())
  arrays = (*_PER_SAMPLE, "source_features")
  filled = [p.name for p in parameters[2:] if p.name in ("num_classes", "key", *arrays)]
  fields: list[tuple[str, Any, Any]] = []
  for parameter in parameters[2:]:
    if parameter.name in filled:
      continue
    named = parameter.kind in (parameter.KEYWORD_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    if not named or parameter.default is parameter.empty:
      raise InputError(
        f"metric {name!r}: parameter {parameter.name!r} has no default; options have "
        f"one, and num_classes, key, {', '.join(arrays)} are filled in"
      )
    kind = type(parameter.default)
    if parameter.annotation is not parameter.empty:
      kind = parameter.annotation
    fields.append((parameter.name, kind, parameter.default))

  @functools.wraps(function)  # whose module it then counts to
  def compute(problem: Problem, options: Options) -> Value:
    given = {each: getattr(problem, each) for each in filled}
    score = function(problem.features, problem.labels, **given, **options.values())
    return Value(float(score))

  options = dataclasses.make_dataclass(
    f"{name}_options", fields, bases=(Options,), frozen=True
  )
  options.__module__ = function.__module__
  summary = (inspect.getdoc(function) or "").partition("\n")[0]
  needs = tuple(each for each in filled if each in arrays)
  defaults = {"description": summary, "random": "key" in filled, "needs": needs}
  return Metric(name, compute, **{**defaults, "options": options, **facts})


def join(*notes: str) -> str:
  """Joins what there is to say into one status; `ok` where there is nothing."""
  return "; ".join(note for note in notes if note and note != OK) or OK
