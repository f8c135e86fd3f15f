"""Stratified subsamples."""

import jax
import numpy as np
import pytest

from lead_jax.statistics._sampling import stratified_subsample

KEY = jax.random.key(3)


def draw(labels, size, key=KEY, num_classes=None):
  labels = np.asarray(labels)
  return stratified_subsample(
    labels, key, size=size, num_classes=num_classes or labels.max() + 1
  )


def test_in_proportion_without_replacement():
  labels = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], [500, 300, 200]))
  index = draw(labels, 100)
  assert len(set(index.tolist())) == 100
  assert (np.diff(index) > 0).all()
  np.testing.assert_array_equal(np.bincount(labels[index]), [50, 30, 20])


def test_remainders_add_up():
  labels = np.repeat([0, 1, 2], [333, 333, 334])
  for size in (3, 10, 11, 500, 999):
    counts = np.bincount(labels[draw(labels, size)], minlength=3)
    assert counts.sum() == size
    assert np.abs(counts - size / 3).max() < 1


def test_rare_classes_get_one_each():
  sizes = [900, 90, 3, 3, 2, 1, 1]
  labels = np.repeat(np.arange(7), sizes)
  for size in (7, 8, 20, 100):
    counts = np.bincount(labels[draw(labels, size)], minlength=7)
    assert counts.sum() == size
    assert counts.min() >= 1
    assert (counts <= sizes).all()
  # What the rare ones take is shared by the others in proportion: 95 of 990.
  counts = np.bincount(labels[draw(labels, 100)])
  np.testing.assert_array_equal(counts, [86, 9, 1, 1, 1, 1, 1])


def test_more_classes_than_samples():
  labels = np.arange(1000) // 2
  seen = set()
  for seed in range(4):
    index = draw(labels, 100, jax.random.key(seed))
    assert len(set(labels[index].tolist())) == 100
    seen |= set(labels[index].tolist())
  assert len(seen) > 250  # other classes in other draws


def test_every_sample_of_a_class_has_the_same_chance():
  labels = np.arange(24) % 2
  keys = jax.random.split(jax.random.key(0), 400)
  times = sum(np.bincount(draw(labels, 8, key), minlength=24) for key in keys)
  expected = 400 * 8 / 24
  # 23 degrees of freedom, of draws without replacement: 99.9 % lie below 50.
  assert np.sum((times - expected) ** 2 / expected) < 50


def test_the_key_decides():
  labels = np.arange(200) % 7
  one, again = draw(labels, 50), draw(labels, 50)
  np.testing.assert_array_equal(one, again)
  assert (draw(labels, 50, jax.random.key(4)) != one).any()
  # Within a class every sample has the same chance.
  drawn = np.concatenate([draw(labels, 50, jax.random.key(s)) for s in range(80)])
  hits = np.bincount(drawn, minlength=200)
  assert hits.min() > 5
  assert hits.max() < 45


def test_all_where_there_are_few_and_empty_classes():
  np.testing.assert_array_equal(draw([0, 3, 3], 3), [0, 1, 2])
  np.testing.assert_array_equal(draw([0, 3, 3], 9), [0, 1, 2])
  labels = np.array([0, 3] * 20)
  counts = np.bincount(labels[draw(labels, 10, num_classes=6)], minlength=6)
  np.testing.assert_array_equal(counts, [5, 0, 0, 5, 0, 0])


def test_refuses_no_samples():
  with pytest.raises(ValueError, match="size must be at least 1, got 0"):
    draw([0, 1], 0)
