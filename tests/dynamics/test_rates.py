"""The rates of LEAD's classes against gradients, head by head, on small heads."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lead_jax import ntk
from lead_jax.dynamics import _rates as rates_module
from lead_jax.dynamics._config import LeadConfig
from lead_jax.dynamics._rates import (
  Network,
  class_rates,
  network_class_rates,
  rates_config,
  rates_with_check,
)

N, D, K = 14, 3, 3
Y = np.array([0, 1, 2, 1, 0, 1, 1, 0, 1, 1, 1, 0, 1, 1])  # 4, 9 and 1 samples
SMALL = {"hidden": (5, 4), "head_seeds": 2, "samples_per_class": 6}


def features():
  return jnp.asarray(np.random.default_rng(0).standard_normal((N, D)), jnp.float32)


def heads_of(key, initializer):
  _, key_heads = jax.random.split(key)
  head = ntk.MLPHead(K, (5, 4), initializer)
  for head_key in jax.random.split(key_heads, 2):
    params = ntk.init_head(head, head_key, D)
    yield lambda p, x, head=head: ntk.apply_head(head, p, x), params


def kernel_of(apply_fn, params, x):
  """The kernel of the summed logits, from gradients that autograd takes."""

  def row(x_d):
    grads = jax.grad(lambda p: jnp.sum(apply_fn(p, x_d[None])))(params)
    return jnp.concatenate([g.ravel() for g in jax.tree.leaves(grads)])

  gradients = np.asarray(jax.vmap(row)(x), np.float64)
  return gradients @ gradients.T


def chosen(pooled=False):
  """The first six samples of every class, or of all."""
  if pooled:
    return [np.arange(6)] * K
  return [np.flatnonzero(c == Y)[:6] for c in range(K)]


@pytest.mark.parametrize("initializer", ["he_normal", "ntk"])
@pytest.mark.parametrize("evolution", ["class_aware", "mixed"])
def test_rates_are_mean_eigenvalues_of_the_gradients_kernels(evolution, initializer):
  x, key = features(), jax.random.key(1)
  options = {"evolution": evolution, "initializer": initializer, "sampling": "first"}
  expected, spectra = np.zeros((2, K)), np.zeros((2, K, 6))
  for h, (apply_fn, params) in enumerate(heads_of(key, initializer)):
    kernel = kernel_of(apply_fn, params, x)
    for c, rows in enumerate(chosen(evolution == "mixed")):
      values = np.linalg.eigvalsh(kernel[np.ix_(rows, rows)])[::-1]
      expected[h, c] = values.mean()
      spectra[h, c, : len(rows)] = values
  common = {"num_classes": K, "key": key}
  found = rates_with_check(
    x, jnp.asarray(Y), config=LeadConfig(**SMALL, **options), **common
  )
  np.testing.assert_allclose(found.rates_hk, expected, rtol=1e-5)
  mean = spectra.mean(axis=0)[: len(found.spectra)]
  np.testing.assert_allclose(found.spectra, mean, rtol=1e-4, atol=1e-4)
  assert found.trace_gap < 1e-5
  by_trace, none = class_rates(
    x, jnp.asarray(Y), config=LeadConfig(**SMALL, **options, spectra=False), **common
  )
  assert none is None
  np.testing.assert_allclose(by_trace, expected, rtol=1e-5)


def test_expected_rates_are_the_closed_form():
  x = features()
  config = LeadConfig(**SMALL, rates="expected", sampling="first", initializer="torch")
  found = rates_with_check(
    x, jnp.asarray(Y), num_classes=K, key=jax.random.key(0), config=config
  )
  norms = np.sum(np.square(x), axis=1)
  diagonal = ntk.expected_head_kernel_diagonal(
    jnp.asarray(norms), dim=D, num_classes=K, hidden=(5, 4), initializer="torch"
  )
  expected = [[np.asarray(diagonal)[rows].mean() for rows in chosen()]]
  np.testing.assert_allclose(found.rates_hk, expected, rtol=1e-5)
  assert found.spectra is None
  assert found.trace_gap is None


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_kernels_are_decomposed_some_at_a_time(monkeypatch, classes):
  """As many as have at most the allowed number of entries; one at least."""
  x, seen = features(), []
  real = ntk.class_kernels

  def counted(params, features, indices, mask, **options):
    seen.append(indices.shape)
    return real(params, features, indices, mask, **options)

  monkeypatch.setattr(rates_module.ntk, "class_kernels", counted)
  monkeypatch.setattr(rates_module, "_ENTRIES", 3 * 36)
  y = jnp.asarray(np.arange(N) % classes)
  config = LeadConfig(**SMALL, sampling="first")
  found = class_rates(x, y, num_classes=classes, key=jax.random.key(0), config=config)
  assert {shape[0] for shape in seen} == {min(classes, 3)}
  monkeypatch.setattr(rates_module, "_ENTRIES", 1)
  one_by_one = class_rates(
    x, y, num_classes=classes, key=jax.random.key(0), config=config
  )
  assert seen[-1][0] == 1
  for ours, theirs in zip(found, one_by_one, strict=True):
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-4)


def test_a_wide_block_holds_sixteen_million_numbers():
  assert rates_module._ENTRIES == 4096**2


def test_the_gap_between_the_two_paths_is_the_largest_of_any_class(monkeypatch):
  """A class without samples has no gap, one whose kernel is zero none either."""
  x = features().at[2].set(0)
  real = ntk.mean_eigenvalues

  def off(spectra, mask):
    return real(spectra, mask) * jnp.asarray([1.0, 0.75, 1.0, 1.0])

  monkeypatch.setattr(rates_module.ntk, "mean_eigenvalues", off)
  found = rates_with_check(
    x,
    jnp.asarray(Y),
    num_classes=4,
    key=jax.random.key(0),
    config=LeadConfig(**SMALL, sampling="first"),
  )
  np.testing.assert_allclose(found.trace_gap, 0.25, rtol=1e-4)


def test_rates_of_a_whole_network_are_mean_squared_gradients():
  x, key = features(), jax.random.key(3)
  backbone = {"w": jnp.asarray(np.random.default_rng(1).standard_normal((D, D)) / 2)}
  apply_backbone = lambda p, x: jnp.tanh(x @ p["w"])
  asked = []

  def inputs_of(rows):
    asked.append(rows)
    return x[rows]

  found = network_class_rates(
    Network(apply_backbone, backbone, inputs_of, 2),
    jnp.asarray(Y),
    num_classes=K,
    dim=D,
    key=key,
    config=LeadConfig(**SMALL, sampling="first", params="all"),
  )
  expected = []
  for head_fn, params in heads_of(key, "he_normal"):
    both = {"backbone": backbone, "head": params}
    whole = lambda p, x, f=head_fn: f(p["head"], apply_backbone(p["backbone"], x))
    diagonal = np.diag(kernel_of(whole, both, x))
    expected.append([diagonal[rows].mean() for rows in chosen()])
  np.testing.assert_allclose(found, expected, rtol=1e-5)
  # Each sample that is needed is asked for once.
  np.testing.assert_array_equal(asked, [np.unique(np.concatenate(chosen()))])


def test_a_network_holds_one_gradient_at_a_time_unless_told():
  assert Network(lambda p, x: x, {}, lambda rows: rows).batch_size == 1


@pytest.mark.parametrize(
  ("name", "value"),
  [
    ("hidden", (7,)),
    ("initializer", "torch"),
    ("head_seeds", 3),
    ("rates", "expected"),
    ("samples_per_class", 9),
    ("sampling", "first"),
    ("evolution", "mixed"),
  ],
)
def test_what_rates_depend_on_is_kept(name, value):
  config = rates_config(LeadConfig(**{name: value}))
  assert getattr(config, name) == value
  others = rates_config(LeadConfig())
  assert config != others


def test_what_rates_do_not_depend_on_is_left_out():
  base = rates_config(LeadConfig())
  for options in (
    {"t": 3.0},
    {"loss": "log_probability"},
    {"evolution": "constant"},
    {"evolution": "full_kernel"},
    {"feature_scale": "rms"},
    {"spectra": True},
  ):
    assert rates_config(LeadConfig(**options)) == base
  assert rates_config(LeadConfig(spectra=False)).spectra is False
  assert base.spectra is None


def test_samples_are_drawn_by_the_keys_first_half():
  x, key = features(), jax.random.key(5)
  options = {"hidden": (5, 4), "samples_per_class": 3, "rates": "expected"}
  found = {
    sampling: class_rates(
      x,
      jnp.asarray(Y),
      num_classes=K,
      key=key,
      config=LeadConfig(sampling=sampling, **options),
    )[0][0]
    for sampling in ("first", "random")
  }
  indices, mask = ntk.class_indices(
    jnp.asarray(Y), num_classes=K, samples_per_class=3, key=jax.random.split(key)[0]
  )
  diagonal = ntk.expected_head_kernel_diagonal(
    jnp.sum(jnp.square(x), axis=1), dim=D, num_classes=K, hidden=(5, 4)
  )
  expected = ntk.mean_eigenvalues_by_trace(diagonal[indices], mask)
  np.testing.assert_allclose(found["random"], expected, rtol=1e-5)
  assert np.all(found["random"][:2] != found["first"][:2])
