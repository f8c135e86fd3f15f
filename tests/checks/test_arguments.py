"""Every promised name of the mathematics refuses what it cannot use, in one line."""

import collections.abc
import importlib
import inspect
import types
import typing

import jax
import numpy as np
import pytest
from jaxtyping import AbstractArray

from lead_jax import dynamics, evaluation, metrics, ntk, statistics
from lead_jax.checks import InputError

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
      with pytest.raises(ValueError) as error:
        function(
          *[given[name] for name in names if name not in named],
          **{name: given[name] for name in names if name in named},
        )
      message = str(error.value)
      assert isinstance(error.value, InputError), (each.name, value, message)
      assert each.name in message, (each.name, value, message)
      assert "\n" not in message and len(message) < 300
