"""What is noticed of images while they are read, and what is said of all of them."""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

# Images whose gray levels span less than this use 6 bits of 8 at most: 14-bit data in
# 16-bit files spans 64 levels, 12-bit data 16.
_FEW_LEVELS = 64


class Seen(NamedTuple):
  """What one image is like.

  Attributes:
    pixels: SHA-256 of its shape and pixels.
    low: Its darkest sample, 0..255.
    high: Its brightest.
    frames: Whether its file holds more pictures.
    deep: Whether its file has more than 8 bits per sample.
  """

  pixels: bytes
  low: int
  high: int
  frames: bool
  deep: bool


def look_at(image: np.ndarray, *, frames: bool = False, deep: bool = False) -> Seen:
  """Looks at a decoded image, uint8[H, W, 3] RGB.

  Args:
    image: The pixels.
    frames: Whether its file holds more pictures.
    deep: Whether its file has more than 8 bits per sample.
  """
  low, high = int(image.min()), int(image.max())
  return Seen(pixels_digest(image), low, high, frames, deep)


def pixels_digest(image: np.ndarray) -> bytes:
  """Returns the SHA-256 of an image's shape and pixels."""
  digest = hashlib.sha256(repr(image.shape).encode())
  digest.update(np.ascontiguousarray(image).data)
  return digest.digest()


def notes_of(seen: Sequence[Seen]) -> list[str]:
  """Returns what was decided, in clauses."""
  count = sum(one.frames for one in seen)
  if not count:
    return []
  files = "1 file has" if count == 1 else f"{count} files have"
  return [f"{files} several frames or pages, of which the first is used"]


def warnings_of(seen: Sequence[Seen]) -> list[str]:
  """Returns what is odd about the images, in lines."""
  deep = [one for one in seen if one.deep]
  found = []
  if deep and (said := _few_levels(deep)):
    found.append(
      f"{len(deep)} images of more than 8 bits per sample {said}, as 12-bit data in "
      "16-bit files does: scale it to the full range first (12 bits: multiply by 16)"
    )
  flat = [one for one in seen if not one.deep]
  if flat and (said := _few_levels(flat)):
    found.append(
      f"{len(flat)} images of 8 bits per sample {said}: where they were made from numbers "
      "of another range, such as 0..1, scale them to 0..255 first"
    )
  return found


def _few_levels(seen: Sequence[Seen]) -> str:
  """Says how little of the range all images use together; "" where it is enough."""
  low, high = min(one.low for one in seen), max(one.high for one in seen)
  if high - low >= _FEW_LEVELS:
    return ""
  return f"use {high - low + 1} of 256 levels ({low} to {high})"
