"""Random parts of the images: half of every class, the same for all, none twice."""

import numpy as np
import pytest

from lead_jax.checks._errors import InputError
from lead_jax.run.certainty._halves import stratified_halves


def halves_of(counts, seed=0):
  labels = np.repeat(np.arange(len(counts)), counts)
  labels = np.random.default_rng(1).permutation(labels)
  names = [f"class {k}" for k in range(len(counts))]
  return labels, stratified_halves(labels, names, seed=seed)


@pytest.mark.parametrize(
  ("counts", "images"),
  [
    ([10, 10], 10),
    ([7, 7, 7], 10),
    ([4, 100], 52),
    ([2000, 2000], 512),
    ([2000, 20], 512),
    ([2000, 8], 1004),  # a half, of which the small class keeps four
    ([50] * 400, 2000),  # five of every class
  ],
)
def test_a_draw_holds_one_share_of_every_class(counts, images):
  labels, halves = halves_of(counts)
  rows = halves.rows(3)
  assert len(rows) == len(set(rows)) == halves.images
  assert abs(halves.images - images) <= 1
  assert (np.diff(rows) > 0).all()
  share = halves.images / len(labels)
  found = np.bincount(labels[rows], minlength=len(counts))
  assert (found == halves.sizes).all()
  # One share of every class: deviations have one scale.
  assert (np.abs(found - share * np.array(counts)) <= 1).all()
  assert (found <= np.array(counts) / 2).all()


def test_draws_differ_and_depend_on_nothing_but_seed_and_number():
  _, halves = halves_of([20, 30])
  _, again = halves_of([20, 30])
  _, other = halves_of([20, 30], seed=1)
  assert (halves.rows(7) == again.rows(7)).all()
  assert (halves.rows(7) != halves.rows(8)).any()
  assert (halves.rows(7) != other.rows(7)).any()


def test_every_image_is_drawn_as_often_as_its_class_says():
  _, halves = halves_of([6, 30])
  drawn = np.zeros(36)
  for draw in range(2000):
    drawn[halves.rows(draw)] += 1
  # Six standard deviations of a share of one half in 2,000 draws.
  assert np.abs(drawn / 2000 - 0.5).max() < 6 * 0.5 / np.sqrt(2000)


def test_the_scale_gives_the_variance_of_a_mean():
  """What parts of n images say of a mean of all of them: its textbook variance."""
  rng = np.random.default_rng(0)
  values = rng.normal(size=3000)
  labels = np.zeros(3000, int)
  halves = stratified_halves(labels, ["one"], seed=0)
  assert halves.images == 512
  means = [values[halves.rows(draw)].mean() for draw in range(1500)]
  found = np.std(means) * halves.scale
  assert found == pytest.approx(values.std() / np.sqrt(3000), rel=0.08)


def test_a_class_of_three_images_is_named():
  with pytest.raises(
    InputError, match="class 'class 1' has 3 images; for intervals every class needs 4"
  ):
    halves_of([10, 3])
