"""Kinds of values, as annotations say them: whether a value is of one, and its words."""

import collections.abc
import numbers
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import AbstractArray

from lead_jax.checks._options import Rule
from lead_jax.checks._texts import shown

_WORDS = {
  bool: "True or False",
  int: "a whole number",
  float: "a number",
  str: "text",
  type(None): "None",
}
_GENERATOR = ": give numpy.random.default_rng(0)"


def fits(value: Any, kind: Any) -> bool:
  """Whether a value is of a kind; what is nested in it as well."""
  origin, inner = typing.get_origin(kind), typing.get_args(kind)
  if origin in (typing.Union, types.UnionType):
    # Arrays of any library are read by who takes them.
    return collections.abc.Sequence in inner or any(fits(value, each) for each in inner)
  if origin is typing.Literal:
    return isinstance(value, str) and value in inner
  if origin is collections.abc.Callable or kind is collections.abc.Callable:
    return callable(value)
  if kind in (int, float):
    whole = isinstance(value, numbers.Integral) or kind is float
    return is_number(value) and (whole or isinstance(value, jax.Array))
  if isinstance(origin, type) and issubclass(origin, Mapping):
    return isinstance(value, Mapping) and all(
      fits(key, inner[0]) and fits(each, inner[1]) for key, each in value.items()
    )
  if isinstance(origin, type) and issubclass(origin, Sequence):
    return isinstance(value, origin | Sequence | np.ndarray) and (
      not isinstance(value, str | bytes) and all(fits(each, inner[0]) for each in value)
    )
  if isinstance(origin, type):
    return isinstance(value, origin)
  return kind is Any or not isinstance(kind, type) or isinstance(value, kind)


def is_number(value: Any) -> bool:
  """Whether a value is one real number."""
  if isinstance(value, bool | np.bool_):
    return False
  if isinstance(value, jax.Array | np.ndarray):
    return value.ndim == 0 and np.dtype(value.dtype).kind in "fiu"
  return isinstance(value, numbers.Real)


def alternatives(hint: Any) -> tuple[Any, ...]:
  """The kinds that a hint allows."""
  if typing.get_origin(hint) in (typing.Union, types.UnionType):
    return tuple(kind for each in typing.get_args(hint) for kind in alternatives(each))
  return (hint,)


def is_array(kind: Any) -> bool:
  """Whether a kind is an array of jaxtyping."""
  return isinstance(kind, type) and issubclass(kind, AbstractArray)


def has_kind(dtype: Any, kind: Any) -> bool:
  """Whether a dtype is what an annotation of an array says, in any number of bits."""
  wanted = {"Float": jnp.floating, "Int": jnp.integer, "Bool": jnp.bool_}
  family = kind.__name__.partition("[")[0]
  return family not in wanted or jnp.issubdtype(dtype, wanted[family])


def article(kind: Any) -> str:
  """What an array of a kind is called, with its article."""
  family = kind.__name__.partition("[")[0].lower()
  return {"int": "an integer", "bool": "a boolean"}.get(family, f"a {family}")


def in_words(kinds: Sequence[Any], rule: Rule | None) -> str:
  """What a value must be, with its bounds."""
  words = list(dict.fromkeys(map(_kind_in_words, kinds)))
  if rule is not None and (bound := rule.bound(int)):
    words[0] = f"{words[0]} {bound}"
  text = " or ".join(words)
  return text + _GENERATOR * (np.random.Generator in kinds)


def _kind_in_words(kind: Any) -> str:
  origin, inner = typing.get_origin(kind), typing.get_args(kind)
  if kind in _WORDS:
    return _WORDS[kind]
  if len(kinds := alternatives(kind)) > 1:
    return " or ".join(map(_kind_in_words, kinds))
  if origin is typing.Literal:
    return f"one of {inner}"
  if origin is collections.abc.Callable:
    return "a function"
  if isinstance(origin, type) and issubclass(origin, Mapping):
    return f"a dict of {_kind_in_words(inner[1])}"
  if isinstance(origin, type) and issubclass(origin, Sequence):
    return f"a list of {_kind_in_words(inner[0])}"
  return f"a {getattr(kind, '__name__', kind)}"


def got(value: Any) -> str:
  """What a value is, short enough for a line."""
  if value is None:
    return "None"
  if isinstance(value, jax.Array | np.ndarray):
    return f"an array {value.dtype}{list(value.shape)}"
  text = shown(repr(value), most=40)
  plain = isinstance(value, numbers.Number | str)
  return text if plain else f"{type(value).__name__} {text}"
