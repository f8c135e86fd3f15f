"""A small network, its weights and images as NumPy arrays: trained here and by torch."""

import numpy as np

CLASSES, BATCH, STEPS = 3, 8, 20
MEAN, STD = (100.0, 120.0, 140.0), (50.0, 60.0, 70.0)

# By name: the protocol's fields, learning rate and weight decay, and whether an image may
# be of several classes.
CASES = {
  "sgd": ({"optimiser": "sgd", "nesterov": True, "steps": STEPS}, 0.05, 0.01, False),
  "sgd_several": (
    {"optimiser": "sgd", "nesterov": True, "steps": STEPS},
    0.3,
    0.01,
    True,
  ),
  "sgd_plain": (
    {"optimiser": "sgd", "nesterov": False, "steps": STEPS},
    0.05,
    0.0,
    False,
  ),
  "adamw": ({"optimiser": "adamw", "steps": STEPS}, 0.003, 0.1, False),
  "adamw_warm_clipped": (
    {
      "optimiser": "adamw",
      "steps": STEPS,
      "warmup_steps": 5,
      "head_factor": 5.0,
      "max_gradient_norm": 0.5,
    },
    0.003,
    0.1,
    False,
  ),
}


def problem(several):
  """Weights (convolution OIHW, dense and head [in, out]), images, labels, batches.

  Labels are ids; or bool[N, K] of `several` classes, with images of none and of all.
  """
  rng = np.random.default_rng(7)
  normal = lambda *shape: rng.normal(size=shape).astype(np.float32)
  weights = {
    "conv": 0.3 * normal(6, 3, 3, 3),
    "conv_bias": 0.1 * normal(6),
    "dense": 0.3 * normal(6 * 16, 5),
    "dense_bias": 0.1 * normal(5),
    "head": 0.4 * normal(5, CLASSES),
    "head_bias": 0.1 * normal(CLASSES),
  }
  images = rng.integers(0, 256, (40, 8, 8, 3)).astype(np.uint8)
  labels = rng.integers(0, CLASSES, 40)
  if several:
    labels = np.arange(40)[:, None] % 8 >> np.arange(CLASSES) & 1 == 1
  orders = [np.random.default_rng((0, epoch)).permutation(40) for epoch in range(4)]
  return weights, images, labels, np.concatenate(orders).reshape(STEPS, BATCH)
