"""Handwritten digits 5 to 9, bundled: real data without a network.

The bundled zoo is pre-trained on the digits 0 to 4, so the classes here are new to it
and ranking it on them is a true transfer problem. The parts are cut by file order and
not by chance: the file lists writers one after another, so a part of `test` comes from
hands that `train` has not seen, and no seed is needed to repeat the split.

`digits.npz` holds the 1,797 scans of scikit-learn's `load_digits` in its order, which are
the test set of Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI
Machine Learning Repository, 1998, https://doi.org/10.24432/C50P49 (CC BY 4.0).
"""

import hashlib
import pathlib
from typing import Literal

import numpy as np

from lead_jax.checks import InputError
from lead_jax.data._dataset import Dataset
from lead_jax.data._seen import pixels_digest
from lead_jax.readers import read_npz

TARGET_CLASSES = (5, 6, 7, 8, 9)
_FILE = pathlib.Path(__file__).with_name("digits.npz")


def load_digits_dataset(
  split: Literal["train", "test", "all"] = "train",
) -> Dataset:
  """Reads the bundled digits 5 to 9.

  Args:
    split: `train` is the first 60 % (rounded down) of each class in file order, `test`
      the rest, `all` both; samples stay in file order.

  Returns:
    Images uint8[8, 8, 3] (three equal channels, 0 is background, 255 is ink), labels in
    `[0, 5)` and class names "5" to "9".

  Raises:
    InputError: If `split` is another word.
  """
  if split not in ("train", "test", "all"):
    raise InputError(f"digits: split {split!r} is not one of train, test, all")
  held = read_npz(_FILE, "digits").arrays
  scans, digits = held["images"], held["labels"]
  keep = np.zeros(len(digits), bool)
  for digit in TARGET_CLASSES:
    rows = np.flatnonzero(digits == digit)
    cut = len(rows) * 6 // 10
    part = {"train": rows[:cut], "test": rows[cut:], "all": rows}[split]
    keep[part] = True
  # The scans hold 0..16; 255/16 spreads them over the range of a photograph.
  gray = np.rint(scans[keep] * (255 / 16)).astype(np.uint8)
  images = np.repeat(gray[..., None], 3, axis=-1)
  images.setflags(write=False)
  header = f"digits {images.shape}\n".encode()
  return Dataset(
    name="digits",
    split=split,
    labels=digits[keep].astype(np.int32) - TARGET_CLASSES[0],
    class_names=tuple(str(digit) for digit in TARGET_CLASSES),
    fingerprint=hashlib.sha256(header + images.tobytes()).hexdigest(),
    read_image=images.__getitem__,
    pixels=tuple(map(pixels_digest, images)),
  )
