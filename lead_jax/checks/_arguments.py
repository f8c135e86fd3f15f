"""Arguments checked against a function's own signature, at the edge of the mathematics.

  @check_arguments(l2=Rule(least=0))
  def ridge(
    x_nd: Float[Array, "n d"], labels: Int[Array, " n"], *, num_classes: int, l2: float
  ) -> Float[Array, "n k"]: ...

The annotations say all that they can: kinds, shapes, and which axes are equally long.
Beside them there are four rules. Arrays of floats are finite. `labels` are class ids
below `num_classes`, or below the axis `k`. Whole numbers are at least 1, or at least
their default. A `key` is a random key. Bounds of other numbers are given to the decorator.

Under `jit` and `vmap` shapes are checked, and values are not known. Values are looked at
once per call of the outermost function: what it calls has them checked.
"""

import collections.abc
import functools
import inspect
import threading
import typing
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from lead_jax.checks._argument_kinds import (
  alternatives,
  article,
  fits,
  got,
  has_kind,
  in_words,
  is_array,
  is_number,
)
from lead_jax.checks._arrays import plain_array
from lead_jax.checks._errors import InputError
from lead_jax.checks._options import Rule
from lead_jax.checks._random_key import check_key

F = TypeVar("F", bound=Callable[..., Any])

_call = threading.local()  # `inside`: whether a checked function is running


def check_arguments(**bounds: Rule | None) -> Callable[[F], F]:
  """Makes a decorator that checks arguments by the signature; see the top of this file.

  Args:
    **bounds: By parameter, what its numbers must be; of an array, each of them. None
      where an array may hold NaN.

  Returns:
    A decorator. The function then raises `InputError` in one line that names the
    parameter. Its attribute `checks_arguments` has the names that have bounds.
  """

  def decorate(function: F) -> F:
    signature = inspect.signature(function)
    by_name: dict[str, _Check] = {}

    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
      try:
        given = signature.bind(*args, **kwargs).arguments
      except TypeError as error:
        raise TypeError(f"{function.__name__}: {error}") from None
      if not by_name:
        by_name.update(_checks_of(function, signature, bounds))
      outermost = not getattr(_call, "inside", False)
      sizes: dict[str, tuple[int, str]] = {}
      for name, value in given.items():
        if name in by_name:
          by_name[name](value, sizes, outermost)
      if not outermost:
        return function(*args, **kwargs)
      if "labels" in by_name:
        _check_labels(given.get("labels"), given.get("num_classes"), sizes)
      _call.inside = True
      try:
        return function(*args, **kwargs)
      finally:
        _call.inside = False

    checked.checks_arguments = frozenset(bounds)  # type: ignore[attr-defined]
    return typing.cast(F, checked)

  return decorate


def check_fields(instance: Any, **names: Any) -> None:
  """Checks the fields of a dataclass against their annotations.

  Args:
    instance: Of the dataclass; its numbers have bounds of their own.
    **names: What annotations mean by names that their module does not have at run time.

  Raises:
    InputError: If a value is of another kind; the message names the field.
  """
  for name, hint in typing.get_type_hints(type(instance), localns=names).items():
    _check_of(name, hint, Rule(), False)(getattr(instance, name), {}, True)


# Of a value; of what is known of the axes, their sizes and who had them; of whether values
# are looked at.
_Check = Callable[[Any, dict[str, tuple[int, str]], bool], None]


def _checks_of(
  function: Callable[..., Any],
  signature: inspect.Signature,
  bounds: Mapping[str, Rule | None],
) -> dict[str, _Check]:
  hints = typing.get_type_hints(function)
  found: dict[str, _Check] = {}
  for name, parameter in signature.parameters.items():
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
      continue
    rule = bounds.get(name)
    hint = hints.get(name, Any)
    if hint is Any or collections.abc.Sequence in alternatives(hint):
      continue  # the function reads arrays of any library itself
    if name not in bounds and int in alternatives(hint):
      default = parameter.default
      rule = Rule(least=min(1, default) if isinstance(default, int) else 1)
    found[name] = _check_of(name, hint, rule, name in bounds and rule is None)
  return found


def _check_of(name: str, hint: Any, rule: Rule | None, holds_nan: bool) -> _Check:
  kinds = alternatives(hint)
  arrays = [kind for kind in kinds if is_array(kind)]
  optional = type(None) in kinds

  def check(value: Any, sizes: dict[str, tuple[int, str]], outermost: bool) -> None:
    if value is None and optional:
      return
    if name == "key":
      check_key(value)
    elif name == "dtype":
      _check_dtype(value)
    elif arrays and not (float in kinds and is_number(value)):
      _check_array(name, value, arrays, sizes)
      if outermost and not holds_nan:
        _check_values(name, value, rule)
    elif np.ndarray in kinds and jax.Array not in kinds:
      _check_numbers(name, value, rule, scalar=float in kinds)
    elif not any(fits(value, kind) for kind in kinds):
      raise InputError(f"{name} must be {in_words(kinds, rule)}, got {got(value)}")
    elif is_number(value) and not isinstance(value, jax.core.Tracer):
      _check_number(name, float(value), rule)

  return check


def _check_array(
  name: str, value: Any, arrays: list[Any], sizes: dict[str, tuple[int, str]]
) -> None:
  """Checks kind, number of axes and their lengths."""
  shapes = {kind.dim_str: kind for kind in arrays}
  words = " or ".join(f"[{', '.join(axes.split())}]" for axes in shapes)
  if not isinstance(value, jax.Array | np.ndarray):
    if is_number(value) and "" in shapes:
      return
    remedy = ": give jax.numpy.asarray(...)" * isinstance(value, list | tuple)
    raise InputError(
      f"{name} must be {article(arrays[0])} array {words}, got {got(value)}{remedy}"
    )
  if not has_kind(value.dtype, arrays[0]):
    raise InputError(
      f"{name} must be {article(arrays[0])} array, got {value.dtype}: convert it"
    )
  fixed = {len(axes.split()): axes for axes in shapes if "*" not in axes}
  if len(fixed) == len(shapes) and value.ndim not in fixed:
    raise InputError(f"{name} must have shape {words}, got {list(value.shape)}")
  if 0 in value.shape:
    raise InputError(f"{name} must not be empty, got shape {list(value.shape)}")
  for axis, size in zip(fixed.get(value.ndim, "").split(), value.shape, strict=False):
    other, whose = sizes.setdefault(axis, (size, name))
    if size != other:
      raise InputError(
        f"{name} must have shape {words}, got {list(value.shape)}: {axis} is {other} in "
        f"{whose}"
      )


@jax.ensure_compile_time_eval()  # an array may be known where others are traced
def _check_values(name: str, value: Any, rule: Rule | None) -> None:
  """Checks that concrete floats are finite, and that numbers are within their bounds."""
  if isinstance(value, jax.core.Tracer) or value is None:
    return
  if is_number(value):
    _check_number(name, float(value), rule)
    return
  if jnp.issubdtype(value.dtype, jnp.floating):
    # A sum reads the array once and makes no other; it may overflow where nothing is wrong.
    with np.errstate(over="ignore", invalid="ignore"):
      total = (np if _on_host(value) else jnp).sum(value)
    if not np.isfinite(total):
      infinite = rule is not None and not rule.finite
      count = int((jnp.isnan(value) if infinite else ~jnp.isfinite(value)).sum())
      if count:
        kinds = "NaN" if infinite else "NaN or infinite"
        raise InputError(f"{name} must be finite, got {count} {kinds} values")
  if rule is not None:
    for end in (value.min(), value.max()):
      _check_number(name, float(end), rule)


def _check_dtype(value: Any) -> None:
  try:
    known = jnp.issubdtype(jnp.dtype(value), jnp.floating)
  except TypeError:
    known = False
  if value is None or not known:
    raise InputError(f"dtype must be a type of floats, got {got(value)}")


def _check_numbers(name: str, value: Any, rule: Rule | None, *, scalar: bool) -> None:
  """Checks what may be a list as well, in which NaN may stand for what is missing."""
  array = plain_array(value, name)
  if array.dtype.kind not in "fiub":
    raise InputError(f"{name} must be numbers, got {got(value)}")
  if array.ndim == 0 and not scalar:
    raise InputError(f"{name} must be a list or an array, got {got(value)}")
  if rule is not None and array.size:
    for end in (array.min(), array.max()):
      _check_number(name, float(end), rule)


def _check_number(name: str, value: float, rule: Rule | None) -> None:
  rule = Rule() if rule is None else rule
  if not rule.holds(value):
    bound = rule.bound(int) or "a finite number"
    raise InputError(f"{name} must be {bound}, got {value:.6g}")


def _check_labels(
  labels: Any, num_classes: Any, sizes: dict[str, tuple[int, str]]
) -> None:
  """Checks that labels are ids of classes."""
  if not isinstance(labels, jax.Array | np.ndarray) or isinstance(
    labels, jax.core.Tracer
  ):
    return
  least, most = int(labels.min()), int(labels.max())
  known = num_classes if num_classes is not None else sizes.get("k", (None,))[0]
  if least < 0 or (known is not None and most >= known):
    if least >= 0 and num_classes is not None and num_classes < 2:
      raise InputError(
        f"num_classes must be at least 2, got {num_classes}: labels are {least} to {most}"
      )
    raise InputError(
      f"labels must be class ids in [0, {'K' if known is None else known}), got "
      f"{least} to {most}"
    )


def _on_host(value: Any) -> bool:
  return isinstance(value, np.ndarray) or all(
    device.platform == "cpu" for device in value.devices()
  )
