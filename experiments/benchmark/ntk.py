"""Class kernels and their spectra: our closed form against neural-tangents' Jacobians."""

from collections.abc import Iterator

import jax
import jax.numpy as jnp

from experiments.benchmark.timing import Row, best_seconds
from lead_jax import ntk
from lead_jax.system import Stages


def _problem(classes: int, samples: int, dim: int):
  features = jax.random.normal(jax.random.key(1), (classes * samples, dim))
  labels = jnp.repeat(jnp.arange(classes), samples)
  head = ntk.MLPHead(classes)
  params = ntk.init_head(head, jax.random.key(0), dim)
  indices, mask = ntk.class_indices(
    labels, num_classes=classes, samples_per_class=samples
  )
  return head, params, features, indices, mask


@jax.jit
def _spectra(params, features, indices, mask):
  kernels = ntk.class_kernels(params, features, indices, mask)
  return ntk.class_spectra(kernels, mask)


def run(
  classes: int = 100,
  samples: int = 64,
  dim: int = 2048,
  many_classes: int = 1000,
  peer_classes: int = 3,
) -> Iterator[Row]:
  """Measures, and yields one row a figure.

  Args:
    classes: Classes of the main comparison.
    samples: Samples a class.
    dim: Feature width.
    many_classes: Classes of the memory check.
    peer_classes: Classes on which neural-tangents is measured; its time is scaled, since
      it treats one class after the other.
  """
  stages = Stages()
  # First, while nothing else has been allocated.
  _, params, features, indices, mask = _problem(many_classes, samples, dim)
  with stages.stage("many"):
    many = best_seconds(lambda: _spectra(params, features, indices, mask), repeats=1)
  yield Row(f"ntk.ours.{many_classes}_classes", "the same, full spectra", many, "s")
  peak = stages.peak_memory_mib["many"]
  yield Row(
    f"ntk.ours.{many_classes}_classes.peak_memory",
    f"resident; the features alone are {features.nbytes / 2**20:.0f} MiB",
    peak,
    "MiB",
  )
  del features, indices, mask

  head, params, features, indices, mask = _problem(classes, samples, dim)
  with stages.stage("ours"):
    ours = best_seconds(lambda: _spectra(params, features, indices, mask))
  yield Row(
    "ntk.ours",
    f"{classes} classes x {samples} samples, D={dim}, head 1024/2048, full spectra",
    ours,
    "s",
  )
  peak = stages.peak_memory_mib["ours"]
  yield Row("ntk.ours.peak_memory", "resident, with the interpreter", peak, "MiB")

  trace = jax.jit(
    lambda params, x: ntk.head_kernel_diagonal(params, x).reshape(classes, samples)
  )
  by_trace = best_seconds(lambda: trace(params, features))
  yield Row("ntk.ours.trace", "mean eigenvalues alone, by trace", by_trace, "s")

  apply_fn = lambda p, x: ntk.apply_head(head, p, x)
  theirs = jax.jit(lambda p, x: ntk.empirical_ntk(apply_fn, p, x, kind="summed"))
  rows = [features[indices[c]] for c in range(peer_classes)]
  best_seconds(lambda: theirs(params, rows[0]), repeats=1)  # compiles
  in_turn = lambda: [theirs(params, x) for x in rows]
  seconds = best_seconds(in_turn, repeats=1, warm_up=False) / peer_classes
  scaled = seconds * classes
  yield Row(
    "ntk.neural_tangents",
    f"Jacobian contraction of the summed logits, {seconds:.3g} s a class, measured on "
    f"{peer_classes} and scaled to {classes}; without spectra",
    scaled,
    "s",
  )
  yield Row("ntk.ratio", "neural-tangents / ours with spectra", scaled / ours, "x")
  error = jnp.max(jnp.abs(theirs(params, rows[0]) - ntk.head_kernel(params, rows[0])))
  relative = error / jnp.max(ntk.head_kernel(params, rows[0]))
  yield Row("ntk.error", "largest relative difference of a kernel", float(relative), "")
