"""A type checker for the import hook that looks at array shapes and dtypes alone.

What other arguments may be is the functions' own business to refuse, with messages that
other tests read; a general checker would step in front of them.
"""

import functools
import inspect
import types
import typing

import jax
import numpy as np
from jaxtyping import AbstractArray


def _arrays(annotation) -> bool:
  """Whether an annotation is made of array types (and None) only."""
  if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) in (
    typing.Union,
  ):
    return all(_arrays(a) or a is type(None) for a in typing.get_args(annotation))
  return isinstance(annotation, type) and issubclass(annotation, AbstractArray)


def _fits(value, annotation) -> bool:
  # One by one: `isinstance` with a Union goes past jaxtyping's own check.
  alternatives = typing.get_args(annotation) or (annotation,)
  return any(isinstance(value, alternative) for alternative in alternatives)


def check_arrays(function):
  """Decorates a function so that arguments and result have the shapes it declares."""
  signature = inspect.signature(function)
  declared = {
    name: parameter.annotation
    for name, parameter in signature.parameters.items()
    if _arrays(parameter.annotation)
  }
  result_type = signature.return_annotation

  @functools.wraps(function)
  def checked(*args, **kwargs):
    bound = signature.bind(*args, **kwargs)
    for name, annotation in declared.items():
      if name in bound.arguments:
        value = bound.arguments[name]
        if isinstance(value, jax.Array | np.ndarray) and not _fits(value, annotation):
          raise TypeError(
            f"{function.__qualname__}: {name} is {value.dtype}{list(value.shape)}, "
            f"declared {annotation}"
          )
    result = function(*args, **kwargs)
    if _arrays(result_type) and not _fits(result, result_type):
      raise TypeError(f"{function.__qualname__} returns {result}, not {result_type}")
    return result

  return checked
