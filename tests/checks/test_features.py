"""Features as callers have them: wider numbers than the mathematics computes in."""

import jax
import numpy as np
import pytest

from lead_jax import score
from lead_jax.checks import InputError, check_features, encode_labels


@pytest.fixture
def spread():
  return np.random.default_rng(0).normal(size=(40, 6)) + 3 * np.eye(40, 6)


@pytest.mark.parametrize("offset", [1e6, 1e9, -1e12])
def test_digits_that_float32_rounds_away_are_refused(spread, offset):
  if jax.config.jax_enable_x64:
    pytest.skip("nothing is rounded")
  with pytest.raises(InputError, match="rounds away how they differ; subtract"):
    check_features(spread + offset)
  whole = np.round(spread * 10).astype(np.int64) + int(offset) * 1000
  with pytest.raises(InputError, match="rounds away how they differ; subtract"):
    score("knn", whole, np.arange(40) % 2)


@pytest.mark.parametrize(
  "change",
  [
    lambda x: x + 1e3,
    lambda x: x * 1e9,
    lambda x: np.c_[x, 5 + 1e-9 * x[:, 0]],
    lambda x: np.full_like(x, 0.1),
    lambda x: np.round(100 * x).astype(np.int64),
    lambda x: (x + 1e6).astype(np.float32),  # nothing is known of what they were
  ],
)
def test_features_that_keep_their_digits_are_taken(spread, change):
  assert check_features(change(spread)).shape[0] == 40


def test_64_bits_keep_the_digits(spread):
  with jax.enable_x64(True):
    found = check_features(spread + 1e9)
  np.testing.assert_allclose(found - 1e9, spread, atol=1e-6)


def test_labels_of_bytes_that_are_no_text_stay_apart():
  ids, names = encode_labels(np.array([b"\xe9", b"\xe8", b"a", b"\xe9"]))
  assert names == (r"\xe8", r"\xe9", "a")
  assert ids.tolist() == [1, 0, 2, 1]
