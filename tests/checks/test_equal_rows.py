"""Equal rows of features are found and said."""

import numpy as np

from lead_jax.checks._equal_rows import equal_rows, equal_rows_line


def test_equal_rows_of_features():
  features = np.random.default_rng(0).normal(size=(6, 3))
  assert equal_rows(features) == []
  assert equal_rows_line("x", features) == ""
  features[[3, 5]] = features[1]
  assert equal_rows(features[:, ::-1]) == [(1, 3, 5)]
  assert equal_rows_line("x", features).startswith(
    "x: 2 rows are exact copies of others (rows 1 and 3): where these are one image"
  )
  assert equal_rows(features[0]) == []
