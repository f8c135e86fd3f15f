"""Every form of a convolution computes what XLA's own convolution computes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lead_jax.backbones._convolution import convolve

# space, kernel, in, out, groups, strides, padding, dilations
SHAPES = {
  "3x3": ((7, 6), (3, 3), 3, 4, 1, (1, 1), ((1, 1), (1, 1)), (1, 1)),
  "3x3 unpadded": ((7, 6), (3, 3), 3, 4, 1, (1, 2), ((0, 0), (0, 0)), (1, 1)),
  "3x2 unpadded": ((8, 6), (3, 2), 3, 4, 1, (2, 1), ((0, 0), (0, 0)), (2, 1)),
  "1x1": ((5, 6), (1, 1), 3, 4, 1, (1, 1), ((0, 0), (0, 0)), (1, 1)),
  "1x1 strided": ((5, 6), (1, 1), 3, 4, 1, (2, 3), ((0, 0), (0, 0)), (1, 1)),
  "1x1 padded": ((5, 6), (1, 1), 3, 4, 1, (2, 1), ((1, 0), (0, 2)), (1, 1)),
  "1x1 grouped": ((5, 6), (1, 1), 4, 6, 2, (1, 2), ((0, 0), (0, 0)), (1, 1)),
  "depthwise": ((7, 6), (3, 3), 4, 4, 4, (1, 1), ((1, 1), (1, 1)), (1, 1)),
  "depthwise 5x3": ((9, 8), (5, 3), 2, 2, 2, (2, 1), ((2, 1), (0, 1)), (1, 1)),
  "depthwise dilated": ((9, 8), (3, 3), 3, 3, 3, (1, 2), ((2, 2), (3, 3)), (2, 3)),
  "multiplier": ((6, 6), (3, 3), 3, 6, 3, (2, 2), ((0, 1), (0, 1)), (1, 1)),
  "grouped": ((6, 5), (3, 3), 6, 4, 2, (2, 1), ((1, 1), (1, 0)), (1, 2)),
  "one axis": ((9,), (3,), 4, 4, 4, (2,), ((1, 1),), (2,)),
  "one axis grouped": ((9,), (3,), 4, 2, 2, (1,), ((0, 1),), (1,)),
  "three axes": ((4, 3, 5), (2, 1, 3), 2, 2, 2, (1, 1, 2), ((1, 0),) * 3, (1, 1, 1)),
}


@pytest.mark.parametrize(
  ("layout", "kernel_layout"), [("NHWC", "HWIO"), ("NCHW", "OIHW")]
)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_forms_agree(shape, layout, kernel_layout):
  space, kernel, c_in, c_out, groups, strides, padding, dilations = shape
  rng = np.random.default_rng(0)
  x = rng.normal(size=(2, *space, c_in)).astype(np.float32)
  w = rng.normal(size=(*kernel, c_in // groups, c_out)).astype(np.float32)
  if layout == "NCHW":
    x = np.moveaxis(x, -1, 1)
  if kernel_layout == "OIHW":
    w = w.transpose(w.ndim - 1, w.ndim - 2, *range(w.ndim - 2))

  def loss(x, w, platform):
    y = convolve(
      x,
      w,
      strides=strides,
      padding=padding,
      dilations=dilations,
      groups=groups,
      layout=layout,
      kernel_layout=kernel_layout,
      platform=platform,
    )
    # Every output with its own weight, so that no error cancels in the gradient.
    return (y * jnp.cos(jnp.arange(y.size, dtype=y.dtype)).reshape(y.shape)).sum(), y

  run = jax.jit(jax.value_and_grad(loss, (0, 1), has_aux=True), static_argnums=2)
  (_, y), gradients = run(x, w, "cpu")
  (_, expected), expected_gradients = run(x, w, "gpu")
  assert y.shape == expected.shape
  for a, b in zip((y, *gradients), (expected, *expected_gradients), strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


def test_cpu_runs_no_depthwise_convolution():
  def lowered(platform):
    run = lambda x, w: convolve(
      x, w, strides=(1, 1), padding=((1, 1), (1, 1)), groups=4, platform=platform
    )
    return str(jax.make_jaxpr(run)(jnp.ones((1, 5, 5, 4)), jnp.ones((3, 3, 1, 4))))

  assert "conv_general_dilated" in lowered("gpu")
  assert "conv_general_dilated" not in lowered("cpu")


def test_single_and_double_precision_mix(x64):
  x = jnp.ones((1, 4, 4, 2), jnp.float64 if x64 else jnp.float32)
  y = convolve(
    x, jnp.ones((3, 3, 2, 2), jnp.float32), strides=(1, 1), padding=((0, 0),) * 2
  )
  assert y.dtype == x.dtype
  np.testing.assert_allclose(y, 18.0)


def test_channels_must_match():
  with pytest.raises(ValueError, match=r"x has 3 channels, w takes 2.*groups=1"):
    convolve(
      jnp.ones((1, 4, 4, 3)),
      jnp.ones((1, 1, 2, 2)),
      strides=(1, 1),
      padding=((0, 0),) * 2,
    )


def test_axes_must_match():
  with pytest.raises(ValueError, match="the 2 spatial axes of x"):
    convolve(
      jnp.ones((1, 4, 4, 3)), jnp.ones((1, 1, 3, 2)), strides=(1,), padding=((0, 0),)
    )
