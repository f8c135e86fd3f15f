"""Any network with its products in bfloat16, parameters and all else in float32.

`float32` products that a network asks for (`dot_general` and convolutions, wherever they
come from) are given bfloat16 operands; their results return to float32, in which
everything between them is computed. Casting the parameters instead would not do: the
constants of a graph, batch-normalisation statistics for one, would promote everything
back, and sums over space would lose digits.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.extend.core as jex
import jax.numpy as jnp

from lead_jax.backbones._backbone import Backbone, ModelSpec, Precision, ReadyFeatures
from lead_jax.checks import InputError

PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")
_PRODUCTS = ("dot_general", "conv_general_dilated")


def with_precision(spec: ModelSpec, precision: str) -> ModelSpec:
  """Returns a model whose network computes its products in another type.

  A network without float32 products that JAX computes once (one that runs in torch, is
  quantised, or multiplies inside loops alone) stays float32 and says so.

  Args:
    spec: Any model; features made elsewhere stay as they are.
    precision: One of `PRECISIONS`.

  Raises:
    InputError: If it is none of them.
  """
  if precision not in PRECISIONS:
    raise InputError(
      f"precision must be {' or '.join(PRECISIONS)}, received {precision!r}"
    )
  if precision == "float32":
    return spec

  def load() -> Backbone | ReadyFeatures:
    loaded = spec.load()
    if isinstance(loaded, ReadyFeatures):
      return loaded
    apply = loaded.low_precision
    if apply is None:
      if not _lowers(loaded):
        return loaded
      apply = low_precision(loaded.apply)
    return dataclasses.replace(loaded, apply=apply, precision="bfloat16")

  return dataclasses.replace(spec, load=load)


def _lowers(backbone: Backbone) -> bool:
  """Whether `low_precision` makes a difference to a network."""
  spec = backbone.input
  shape = (spec.height, spec.width, 1 if spec.channels == "gray" else 3)
  if spec.layout == "NCHW":
    shape = shape[2], *shape[:2]
  images = jax.ShapeDtypeStruct((2, *shape), jnp.float32)
  return _has_products(jax.make_jaxpr(backbone.apply)(backbone.params, images).jaxpr)


def low_precision(function: Callable[..., Any]) -> Callable[..., Any]:
  """Returns the function with its products computed from bfloat16 operands.

  Differentiable: the products of the backward pass take bfloat16 too. Products inside
  loops and branches (`scan`, `while`, `cond`), and of functions with a backward pass of
  their own (`custom_vjp`), stay as they are.

  Args:
    function: Pure, of pytrees of arrays.

  Returns:
    A function of the same arguments and result types.
  """

  def wrapped(*args: Any) -> Any:
    closed, shape = jax.make_jaxpr(function, return_shape=True)(*args)
    outputs = _evaluate(closed.jaxpr, closed.consts, jax.tree.leaves(args))
    return jax.tree.unflatten(jax.tree.structure(shape), outputs)

  return wrapped


def _evaluate(jaxpr: jex.Jaxpr, consts: list, args: list) -> list:
  """Walks the equations; calls that hold products are walked into."""
  values: dict[Any, Any] = {}

  def read(atom):
    return atom.val if isinstance(atom, jex.Literal) else values[atom]

  values.update(zip(jaxpr.constvars, consts, strict=True))
  values.update(zip(jaxpr.invars, args, strict=True))
  for equation in jaxpr.eqns:
    inputs = [read(atom) for atom in equation.invars]
    inner = _called(equation)
    if _is_product(equation):
      results = [_product(equation, inputs)]
    elif inner is not None and _has_products(inner.jaxpr):
      results = _evaluate(inner.jaxpr, inner.consts, inputs)
    else:
      params = equation.primitive.get_bind_params(equation.params)
      found = equation.primitive.bind(*inputs, **params)
      results = found if equation.primitive.multiple_results else [found]
    values.update(zip(equation.outvars, results, strict=True))
  return [read(atom) for atom in jaxpr.outvars]


def _is_product(equation: jex.JaxprEqn) -> bool:
  """Whether it is a product that is taken in bfloat16: of float32."""
  return (
    equation.primitive.name in _PRODUCTS
    and getattr(equation.outvars[0].aval, "dtype", None) == jnp.float32
  )


def _product(equation: jex.JaxprEqn, inputs: list) -> jax.Array:
  params = dict(equation.params)
  inputs = [x.astype(jnp.bfloat16) for x in map(jnp.asarray, inputs)]
  # Of bfloat16, so that the backward pass has operands of one type.
  params["preferred_element_type"] = jnp.bfloat16
  params["precision"] = None
  return equation.primitive.bind(*inputs, **params).astype(jnp.float32)


def _called(equation: jex.JaxprEqn) -> jex.ClosedJaxpr | None:
  """The function that an equation merely calls, once."""
  name = {"jit": "jaxpr", "pjit": "jaxpr", "custom_jvp_call": "call_jaxpr"}
  return equation.params.get(name.get(equation.primitive.name, ""))


def _has_products(jaxpr: jex.Jaxpr) -> bool:
  return any(
    _is_product(equation)
    or ((inner := _called(equation)) is not None and _has_products(inner.jaxpr))
    for equation in jaxpr.eqns
  )
