"""Every promised name of the mathematics refuses what it cannot use, in one line."""

import collections.abc
import importlib
import inspect
import types
import typing

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import AbstractArray

import lead_jax
from lead_jax import dynamics, evaluation, metrics, ntk, statistics
from lead_jax.checks import InputError, Rule, check_arguments
from lead_jax.typing import Array, Float, Int

ROOMS = ("ntk", "dynamics", "logits", "statistics", "evaluation", "metrics")
# They take no arrays, and anything that they are given as text or as a metric.
UNCHECKED = {"metrics": {"find_metric", "join", "known_metrics", "option", "score"}}

N, D, K = 6, 4, 2
SIZES = {"n": N, "d": D, "k": K, "p": N, "m": N}
X = np.random.default_rng(0).normal(size=(N, D)).astype(np.float32)
Y = np.arange(N, dtype=np.int32) % K


HEAD = ntk.MLPHead(K, (3,))
# Good values that no annotation tells.
SPECIAL = {
  "params": ntk.init_head(HEAD, jax.random.key(0), D),
  "pool": [X, X],
  "batches": [(X, Y)],
  "ref": "h_score",
  "metric": "logme",
  "kernel": X @ X.T,
  "runs": X,
  "resampled": X,
}


def _functions():
  for room in ROOMS:
    face = importlib.import_module(f"lead_jax.{room}")
    for name in face.__all__:
      function = getattr(face, name)
      if inspect.isfunction(function) and name not in UNCHECKED.get(room, ()):
        yield pytest.param(function, id=f"{room}.{name}")


def _kinds(hint):
  if typing.get_origin(hint) in (typing.Union, types.UnionType):
    return [kind for each in typing.get_args(hint) for kind in _kinds(each)]
  return [hint]


def _is_array(kind):
  return isinstance(kind, type) and issubclass(kind, AbstractArray)


def _good(name, hint):
  """A value that the function's signature allows."""
  kinds = _kinds(hint)
  arrays = [kind for kind in kinds if _is_array(kind)]
  if name == "key":
    return jax.random.key(0)
  if name == "labels":
    return Y
  if name in SPECIAL:
    return SPECIAL[name]
  if arrays:
    shape = tuple(SIZES.get(axis, 3) for axis in arrays[0].dim_str.split())
    family = arrays[0].__name__.partition("[")[0]
    dtype = {"Float": np.float32, "Int": np.int32, "Bool": bool}[family]
    return np.full(shape, 0.5 if family == "Float" else 1, dtype)
  if jax.Array in kinds:
    return X
  for kind, value in (
    (np.random.Generator, np.random.default_rng(0)),
    (np.ndarray, X[:, 0]),
    (int, K),
    (float, 0.5),
    (bool, True),
    (str, "text"),
    (evaluation.ScoreTable, _table()),
    (dynamics.LeadConfig, dynamics.LeadConfig()),
    (dynamics.HeldOutConfig, dynamics.HeldOutConfig()),
    (ntk.MLPHead, HEAD),
    (metrics.Problem, metrics.Problem(X, Y)),
    (statistics.Moments, statistics.zero_moments(X[0], num_classes=K)),
  ):
    if kind in kinds:
      return value
  origin = typing.get_origin(kinds[0])
  if origin is typing.Literal:
    return typing.get_args(kinds[0])[0]
  if origin is collections.abc.Callable:
    return lambda *given: given
  if isinstance(origin, type) and issubclass(origin, collections.abc.Mapping):
    return {}
  if isinstance(origin, type) and issubclass(origin, collections.abc.Sequence):
    return []
  if isinstance(kinds[0], type) and hasattr(kinds[0], "_fields"):
    return kinds[0](*[X] * len(kinds[0]._fields))
  return X


def _table():
  return evaluation.score_table(
    {"a": {"d": {"x": 1.0, "y": 2.0}}}, {"d": {"x": 1.0, "y": 2.0}}
  )


def _bad(name, hint, bounded):
  """Values that no parameter of this kind can be."""
  kinds = _kinds(hint)
  optional = type(None) in kinds
  yield from () if optional else (None,)
  yield object()
  arrays = [kind for kind in kinds if _is_array(kind)]
  if name == "key":
    yield from (0, 1.5, "x", [], X)
  elif name == "dtype":
    yield from (3, "x", int, {})
  elif arrays:
    good = _good(name, hint)
    yield from ("x", [1, 2], [[1], [2, 3]], {}, good.astype(str), good.astype(complex))
    yield from () if "*" in arrays[0].dim_str else (good[None, None],)
    if good.ndim:
      yield from (good[:0], good.astype("f4" if good.dtype.kind in "ib" else int))
    if good.dtype.kind == "f":
      yield from () if bounded else (good * np.nan, good * np.inf)
    if name == "labels":
      yield good - 1
  elif np.ndarray in kinds and jax.Array not in kinds:
    yield from ("x", {}, [[1], [2, 3]], ["x", "y"])
  elif int in kinds:
    yield from ("x", 1.5, np.nan, True, [], {}, X)
    if not bounded:
      yield -1
  elif float in kinds:
    yield from ("x", np.nan, np.inf, True, [], {}, X)
  elif bool in kinds:
    yield from (3, "x", [])
  elif str in kinds or typing.get_origin(kinds[0]) is typing.Literal:
    yield from (3, np.nan, [], {}, X)
  else:
    yield from (3, "x", np.nan)


@pytest.mark.parametrize("function", list(_functions()))
def test_refuses_bad_arguments(function):
  """One after the other, beside arguments that are right; by an error of ours."""
  assert hasattr(function, "checks_arguments")
  hints = typing.get_type_hints(function)
  parameters = [
    each
    for each in inspect.signature(function).parameters.values()
    if each.kind is not each.VAR_KEYWORD
  ]
  good = {
    each.name: _good(each.name, hints[each.name])
    for each in parameters
    if each.default is each.empty
  }
  for each in parameters:
    hint = hints[each.name]
    if hint is typing.Any or isinstance(hint, typing.TypeVar):
      continue
    for value in _bad(each.name, hint, each.name in function.checks_arguments):
      given = {**good, each.name: value}
      names = [p.name for p in parameters if p.name in given]
      named = {p.name for p in parameters if p.kind is p.KEYWORD_ONLY}
      with pytest.raises(InputError) as error:
        function(
          *[given[name] for name in names if name not in named],
          **{name: given[name] for name in names if name in named},
        )
      message = str(error.value)
      assert each.name in message, (each.name, value, message)
      assert "\n" not in message


OPTIONS = {"data_dir": 3, "weights_dir": [], "command": 3, "source_data": -1}
OPTIONS |= {"download": "x", "check_weights": 3, "reference": 3, "zoo": object()}
OPTIONS |= {"batch_size": np.nan, "options": 3, "seed": "x", "split": None}


@pytest.mark.parametrize("name", OPTIONS)
def test_refuses_bad_settings(name):
  with pytest.raises(InputError, match=name):
    lead_jax.Settings(**{name: OPTIONS[name]})


PROMISED = [
  (lead_jax.rank, "dataset", (3, None, [])),
  (lead_jax.rank, "models", (3, np.nan)),
  (lead_jax.rank, "listener", (3, "x", [], {}, lead_jax.Listener)),
  (lead_jax.rank, "overwrite", (None, "x", 3)),
  (lead_jax.rank, "out", (3, {})),
  (lead_jax.plan, "cache_dir", (3, object())),
  (lead_jax.plan, "listener", (3, True)),
  (lead_jax.work, "plan", (None, "x")),
  (lead_jax.conclude, "plan", (None, 3)),
  (lead_jax.merge, "reports", (3, "x", [None])),
  (lead_jax.compare, "old", (None, {})),
  (lead_jax.write_pages, "report", (None, "x")),
  (lead_jax.open_store, "cache_dir", (3, [])),
]


@pytest.mark.parametrize(
  ("function", "name", "values"),
  PROMISED,
  ids=[f"{f.__name__}-{n}" for f, n, _ in PROMISED],
)
def test_the_main_job_refuses_bad_arguments(function, name, values):
  others = {
    each.name: None
    for each in inspect.signature(function).parameters.values()
    if each.default is each.empty and each.kind is not each.VAR_KEYWORD
  }
  for value in values:
    with pytest.raises(InputError, match=f"^{name}=? must be") as error:
      function(**{**others, name: value})
    assert "\n" not in str(error.value)


@check_arguments(weight=Rule(least=0))
def _weighted(
  features: Float[Array, "n d"],
  labels: Int[Array, " n"],
  *,
  num_classes: int,
  weight: float = 1.0,
) -> Array:
  return weight * jnp.sum(features) + num_classes + jnp.sum(labels)


def test_values_are_not_known_under_jit():
  """Shapes are; the same function refuses NaN where it is called by itself."""
  jitted = jax.jit(_weighted, static_argnames="num_classes")
  assert np.isnan(jitted(X * np.nan, Y, num_classes=K, weight=2.0))
  with pytest.raises(InputError, match="labels must have shape"):
    jitted(X, Y[:-1], num_classes=K)
  with pytest.raises(InputError, match="features must be finite, got 24 NaN"):
    _weighted(X * np.nan, Y, num_classes=K)
  assert np.isfinite(_weighted(X, Y, num_classes=K, weight=jnp.float32(2)))


def test_sums_that_overflow_are_no_infinite_values():
  assert np.isinf(_weighted(np.full((N, D), 3e38, np.float32), Y, num_classes=K))
