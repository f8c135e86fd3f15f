"""Gradient flow judged out of sample: each sample's logits as if it were not trained on.

A score of predicted logits on the samples whose labels drove the prediction rewards a
model for how fast it fits them, which is how large its features are
(`ntk.head_kernel_diagonal`), and not for what it would say of another image. Here the
same dynamics (Hu et al., LEAD, CVPR 2024, Eq. 5 and 6, from logits of zero) are asked for
what they predict for each sample when the other N - 1 are trained on: N trainings, and
one eigen-decomposition.

Ridge regression. The smoother of f = K (K + lambda I)^-1 Y leaves one sample out by

  f_{-i}(x_i) = y_i - [R Y]_i / R_ii,        R = (K + lambda I)^-1,               (A)

the block inverse of the matrix without its i-th row and column. It holds for any lambda
that makes R exist, *complex ones too*.

Gradient flow. Training on K_{-i} (without sample i) for eta t gives

  f_{-i}(x_i; t) = k_i^T g(K_{-i}) Y_{-i},   g(s) = (1 - e^{-eta t s}) / s.

(A) with the flow's own residual e^{-eta t K} in place of R is *not* this: it is wrong by a
tenth at moderate times and diverges at late ones (tests/logits/test_held_out.py measures
it against N trainings). But the exponential is a contour integral of resolvents,

  e^{-x} = 1/(2 pi i) int e^z / (z + x) dz ~ sum_j w_j / (z_j + x),   so
  g(s) = sum_j (w_j / z_j) / (s + z_j / eta t)

for a quadrature rule (z_j, w_j), and each resolvent obeys (A) exactly, with lambda =
z_j / eta t. On the parabola of Weideman and Trefethen the rule converges as 2.85^-nodes,
uniformly in x >= 0; nodes come in conjugate pairs, of which one is computed. Nothing but
the quadrature is approximate, at any time t.

References:
  Weideman and Trefethen, Parabolic and hyperbolic contours for computing the Bromwich
  integral, Mathematics of Computation 76, 2007, Section 4 (the rule and its rate).
  Trefethen, Weideman and Schmelzer, Talbot quadratures and rational approximations, 2006.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lead_jax.checks import Rule, check_arguments
from lead_jax.numerics import HIGHEST
from lead_jax.typing import Array, Float

# Of the quadrature, whose error is 2.85^-nodes.
_NODES = {"float32": 16, "float64": 32}


class KernelSpectrum(NamedTuple):
  """A kernel matrix, decomposed once for all times.

  Attributes:
    values: [N] eigenvalues, ascending, at least 0.
    vectors: [N, N] eigenvectors, one per column.
  """

  values: Float[Array, " n"]
  vectors: Float[Array, "n n"]

  @property
  def mean(self) -> Float[Array, ""]:
    """The mean eigenvalue, which time is counted by: trace / N."""
    return jnp.mean(self.values)


@check_arguments()
def kernel_spectrum(kernel: Float[Array, "n n"]) -> KernelSpectrum:
  """Decomposes a symmetric positive semi-definite matrix."""
  values, vectors = jnp.linalg.eigh(kernel)  # of its symmetric part
  return KernelSpectrum(jnp.maximum(values, 0), vectors)


@check_arguments(eta_t=Rule(least=0))
def trained_flow(
  spectrum: KernelSpectrum, targets: Float[Array, "n k"], eta_t: Float[Array, ""]
) -> Float[Array, "n k"]:
  """Computes the logits of gradient flow from zero on the samples trained on (Eq. 6)."""
  return _apply(spectrum, -jnp.expm1(-eta_t * spectrum.values), targets)


@check_arguments(ridge=Rule(least=0))
def trained_ridge(
  spectrum: KernelSpectrum, targets: Float[Array, "n k"], ridge: Float[Array, ""]
) -> Float[Array, "n k"]:
  """Computes the fit of kernel ridge regression to the samples trained on."""
  return _apply(spectrum, spectrum.values / (spectrum.values + ridge), targets)


@check_arguments(ridge=Rule(least=0))
def held_out_ridge(
  spectrum: KernelSpectrum, targets: Float[Array, "n k"], ridge: Float[Array, ""]
) -> Float[Array, "n k"]:
  """Computes leave-one-out predictions of kernel ridge regression, exactly.

  Args:
    spectrum: Of the kernel of all samples.
    targets: What is regressed on, one row per sample.
    ridge: Above 0. Ridge regression at 1 / (eta t) resembles gradient flow at t.

  Returns:
    Row i is predicted from all rows but i.
  """
  shrunk_n = ridge / (spectrum.values + ridge)
  residual_nk = _apply(spectrum, shrunk_n, targets)
  return targets - residual_nk / _diagonal(spectrum, shrunk_n)[:, None]


@check_arguments(eta_t=Rule(least=0), nodes=Rule())
def held_out_flow(
  spectrum: KernelSpectrum,
  targets: Float[Array, "n k"],
  eta_t: Float[Array, ""],
  *,
  nodes: int | None = None,
) -> Float[Array, "n k"]:
  """Computes leave-one-out predictions of gradient flow from logits of zero.

  Args:
    spectrum: Of the kernel of all samples.
    targets: What the squared loss pulls to, one row per sample.
    eta_t: Learning rate times time, at least 0; at 0 the predictions are 0. `jax.vmap`
      over it shares the decomposition.
    nodes: Of the quadrature, even; None chooses by precision.

  Returns:
    Row i is predicted from all rows but i; larger is likelier.

  Raises:
    ValueError: If `targets` are no floats of 32 or 64 bits, or `nodes` is odd.
  """
  dtype = targets.dtype
  if dtype.name not in _NODES:
    raise ValueError(f"targets must be float32 or float64, got {dtype.name}")
  z_j, w_j = contour(_NODES[dtype.name] if nodes is None else nodes)
  product = functools.partial(jnp.matmul, precision=HIGHEST)
  vectors, squared_nn = spectrum.vectors, spectrum.vectors**2
  turned_nk = product(vectors.T, targets)

  def add(total_nk: Array, node: tuple[Array, ...]) -> tuple[Array, None]:
    z_re, z_im, c_re, c_im = node
    # t / (t s + z), in parts: the factor t cancels in the quotient, so t = 0 is no case.
    real_n = eta_t * spectrum.values + z_re
    size_n = real_n**2 + z_im**2
    re_n, im_n = real_n / size_n, -z_im / size_n
    both: Callable[[Array], Array] = lambda f: jnp.matmul(
      spectrum.vectors, f[:, None] * turned_nk, precision=HIGHEST
    )
    top_re, top_im = both(re_n), both(im_n)
    diagonal: Callable[[Array], Array] = lambda f: jnp.matmul(
      squared_nn, f, precision=HIGHEST
    )[:, None]
    low_re, low_im = diagonal(re_n), diagonal(im_n)
    low = low_re**2 + low_im**2
    quotient_re = (top_re * low_re + top_im * low_im) / low
    quotient_im = (top_im * low_re - top_re * low_im) / low
    step = c_re * (targets - quotient_re) + c_im * quotient_im
    return total_nk + step, None

  c_j = w_j / z_j
  parts = (z_j.real, z_j.imag, c_j.real, c_j.imag)
  rule = tuple(jnp.asarray(part, dtype) for part in parts)
  total_nk, _ = jax.lax.scan(add, jnp.zeros_like(targets), rule)
  return total_nk


def contour(nodes: int) -> tuple[np.ndarray, np.ndarray]:
  """Returns complex z_j, w_j with e^{-x} ~ sum_j Re[w_j / (z_j + x)] for all x >= 0.

  Args:
    nodes: Of the whole contour, even; half of them, of positive imaginary part, are
      returned, their weights doubled.

  Raises:
    ValueError: If `nodes` is odd or below two.
  """
  if nodes < 2 or nodes % 2:
    raise ValueError(f"nodes must be even and at least 2, got {nodes}")
  angle = np.pi * (2 * np.arange(nodes // 2) + 1) / nodes
  z = nodes * (0.1309 - 0.1194 * angle**2 + 0.2500j * angle)
  slope = nodes * (-2 * 0.1194 * angle + 0.2500j)
  return z, 2 * np.exp(z) * slope / (1j * nodes)


def _apply(
  spectrum: KernelSpectrum, factor_n: Float[Array, " n"], rows: Float[Array, "n k"]
) -> Float[Array, "n k"]:
  turned = jnp.matmul(spectrum.vectors.T, rows, precision=HIGHEST)
  return jnp.matmul(spectrum.vectors, factor_n[:, None] * turned, precision=HIGHEST)


def _diagonal(
  spectrum: KernelSpectrum, factor_n: Float[Array, " n"]
) -> Float[Array, " n"]:
  """The diagonal of the matrix with these eigenvalues in place of the kernel's."""
  return jnp.matmul(spectrum.vectors**2, factor_n, precision=HIGHEST)
