"""Pooling and borders against the frameworks whose semantics they claim."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lead_jax.backbones.networks._layers import BatchNorm, Conv, average_pool, max_pool

# Size of the window, stride, zeros at the border.
WINDOWS = [(3, 2, 1), (3, 2, 0), (3, 1, 1), (2, 2, 0)]


def make_images(height, width, channels=3):
  rng = np.random.default_rng(0)
  # All negative: a zero of the padding would win.
  return -1 - rng.random((2, height, width, channels), np.float32)


@pytest.mark.parametrize("ceil", [False, True])
@pytest.mark.parametrize(("size", "stride", "padding"), WINDOWS)
def test_max_pool_is_torchs(size, stride, padding, ceil):
  torch = pytest.importorskip("torch")
  for shape in ((7, 8), (9, 10), (6, 5)):
    x = make_images(*shape)
    pool = torch.nn.MaxPool2d(size, stride, padding, ceil_mode=ceil)
    expected = pool(torch.from_numpy(x.transpose(0, 3, 1, 2))).numpy()
    found = max_pool(jnp.asarray(x), size, stride, padding, ceil=ceil)
    np.testing.assert_array_equal(found, expected.transpose(0, 2, 3, 1))


@pytest.mark.parametrize(("size", "stride", "padding"), WINDOWS)
def test_average_pool_is_torchs(size, stride, padding):
  torch = pytest.importorskip("torch")
  for shape in ((7, 8), (6, 5)):
    x = make_images(*shape)
    pool = torch.nn.AvgPool2d(size, stride, padding)
    expected = pool(torch.from_numpy(x.transpose(0, 3, 1, 2))).numpy()
    found = average_pool(jnp.asarray(x), size, stride, padding)
    np.testing.assert_allclose(found, expected.transpose(0, 2, 3, 1), rtol=1e-6)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [1, 3, 7])
def test_same_is_tensorflows(size, stride):
  import tensorflow as tf

  for shape in ((8, 8), (7, 10)):
    x = make_images(*shape)
    layer = Conv(4, size, stride, "SAME")
    kernel = np.random.default_rng(1).standard_normal((size, size, 3, 4), np.float32)
    expected = tf.nn.conv2d(x, kernel, stride, "SAME").numpy()
    found = layer.apply({"params": {"weight": kernel}}, x)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    expected = tf.nn.max_pool2d(x, size, stride, "SAME").numpy()
    np.testing.assert_array_equal(
      max_pool(jnp.asarray(x), size, stride, "SAME"), expected
    )


@pytest.mark.parametrize("activation", ["none", "relu", "relu6"])
@pytest.mark.parametrize("with_shortcut", [False, True])
def test_batch_norm_is_its_formula(activation, with_shortcut, x64):
  rng = np.random.default_rng(0)
  x, shortcut = rng.normal(0, 4, (2, 2, 3, 4, 5)).astype(np.float32)
  weight, bias, mean = rng.normal(size=(3, 5)).astype(np.float32)
  var = rng.uniform(0.1, 2, 5).astype(np.float32)
  layer = BatchNorm(activation, 1e-3)
  variables = {
    "params": {"weight": weight, "bias": bias},
    "batch_stats": {"running_mean": mean, "running_var": var},
  }
  found = layer.apply(variables, x, shortcut if with_shortcut else None)
  scale = weight.astype(np.float64) / np.sqrt(var.astype(np.float64) + 1e-3)
  expected = (x - mean) * scale + bias + (shortcut if with_shortcut else 0)
  if activation != "none":
    expected = np.maximum(expected, 0)
  if activation == "relu6":
    expected = np.minimum(expected, 6)
    assert (expected == 6).any()
  assert found.dtype == jnp.float32
  np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_pooling_is_differentiable():
  def total(x):
    return (
      max_pool(x, 3, 2, 1, ceil=True).sum()
      + max_pool(x, 3, 2, "SAME").sum()
      + average_pool(x, 3, 1, 1).sum()
    )

  grad = jax.grad(total)(jnp.asarray(make_images(6, 7, 1)))
  # Inside, an average gives every pixel weight 1; a maximum gives all of it to one pixel.
  windows = 2 * (4 * 4 + 3 * 4)
  inside = np.pad(np.full((4, 5), 1.0), 1, constant_values=6 / 9)
  inside[[0, 0, -1, -1], [0, -1, 0, -1]] = 4 / 9
  rest = np.asarray(grad)[..., 0] - inside
  np.testing.assert_allclose(rest, np.round(rest), atol=1e-6)
  assert rest.sum() == pytest.approx(windows, abs=1e-4)
