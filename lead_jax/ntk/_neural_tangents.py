"""The only importer of neural-tangents.

neural-tangents 0.6.5 is the last release and imports names that JAX has since moved, and
its `experimental` package imports TensorFlow. `load` supplies the names while the library
is being imported and takes them away again, so that the global `jax` modules are as they
were. TensorFlow need not be installed: of what the library's metadata asks for it imports
jax and frozendict. What is used of it at run time (Jacobian contraction, NTK-vector
products, `stax`, `predict.gradient_descent_mse`) needs none of the moved names. Structured
derivatives (implementation 3) walk the internals of old jaxprs and cannot work; they are
not offered.
"""

import contextlib
import sys
import threading
import types
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import jax

from lead_jax.checks import InputError, need
from lead_jax.typing import Array, Params

T = TypeVar("T")

_lock = threading.Lock()
_NOTE = (
  "tested: neural-tangents 0.6.5 with jax 0.10.2; without TensorFlow: pip install "
  "--no-deps neural-tangents==0.6.5 frozendict"
)
_CORE_NAMES = ("Jaxpr", "JaxprEqn", "Literal", "Primitive", "Var")


@contextlib.contextmanager
def _attribute(module: types.ModuleType, name: str, value: object) -> Iterator[None]:
  """Sets an attribute that the module's own dictionary lacks, then removes it."""
  if name in vars(module):
    yield
    return
  setattr(module, name, value)
  try:
    yield
  finally:
    delattr(module, name)


@contextlib.contextmanager
def _module(name: str, **contents: object) -> Iterator[None]:
  """Puts a module of that name in the place of the real one, then puts that back."""
  stand_in = types.ModuleType(name)
  vars(stand_in).update(contents)
  before = sys.modules.get(name)
  sys.modules[name] = stand_in
  try:
    yield
  finally:
    if before is None:
      sys.modules.pop(name, None)
    else:
      sys.modules[name] = before


def _safe_map(f: Callable[..., T], *sequences: Iterable[Any]) -> list[T]:
  return [f(*row) for row in zip(*sequences, strict=True)]


def _safe_zip(*sequences: Iterable[Any]) -> list[tuple[Any, ...]]:
  return list(zip(*sequences, strict=True))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
  """Silences the one deprecated call (`jnp.size` of a shape) that tracing triggers."""
  with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "size requires ndarray", DeprecationWarning)
    yield


def empirical_ntk_fn(
  apply_fn: Callable[[Params, Array], Array],
  *,
  trace_axes: tuple[int, ...],
  implementation: int,
) -> Callable[[Array, Array, Params], Array]:
  """Returns neural-tangents' `kernel(x1, x2, params)` of `apply_fn(params, x)`.

  Rows of the input are taken to be independent of each other (`vmap_axes=0`).

  Args:
    apply_fn: Pure function of `(params, x[N, ...])` to `[N, K]`.
    trace_axes: `()` for [N1, N2, K, K]; `(-1,)` for [N1, N2], the *mean* over outputs.
    implementation: 1 for Jacobian contraction, 2 for NTK-vector products.
  """
  library = load("empirical_ntk")
  kernel_fn: Callable[[Array, Array, Params], Array] = library.empirical_ntk_fn(
    apply_fn, trace_axes=trace_axes, vmap_axes=0, implementation=implementation
  )

  def kernel(x1: Array, x2: Array, params: Params) -> Array:
    with _quiet():
      return kernel_fn(x1, x2, params)

  return kernel


def load(purpose: str) -> types.ModuleType:
  """Returns the `neural_tangents` module, importing it on the first call.

  Args:
    purpose: The function that needs it; begins the message of the error.

  Raises:
    InputError: If neural-tangents is not installed or wants yet another moved name; the
      message says how to install it, and which versions were tested.
  """
  with _lock:
    if sys.modules.get("neural_tangents"):
      return sys.modules["neural_tangents"]
    import jax.extend.core as extend_core
    import jax.interpreters.ad as ad

    with contextlib.ExitStack() as stack:
      stack.enter_context(warnings.catch_warnings())
      warnings.simplefilter("ignore")
      for name in _CORE_NAMES:
        stack.enter_context(_attribute(jax.core, name, getattr(extend_core, name)))
      stack.enter_context(_attribute(ad, "zeros_like_p", None))
      stack.enter_context(_module("jax.util", safe_map=_safe_map, safe_zip=_safe_zip))
      stack.enter_context(_module("neural_tangents.experimental"))
      try:
        return need("neural_tangents", extra="ntk", purpose=purpose, note=_NOTE)
      except InputError:
        for name, module in list(sys.modules.items()):
          if name.startswith("neural_tangents") and module:
            del sys.modules[name]
        raise
