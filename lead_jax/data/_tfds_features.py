"""Which features of a tfds data set are the image and its class.

A data set has one class an image (`ClassLabel`), or a list of them (`Sequence`), as
voc/2007. Of a list the first in class order is the label, which is how the papers' code
scores VOC2007 (`forward_feature.py` of lixiaotong97/PED takes the first 1 of its targets).
voc has two lists: `labels_no_difficult`, without objects that its annotators marked as
difficult, is what PASCAL's lists of a class's images call positive and what the papers'
code reads; an image that has none there counts for the first of `labels`.
"""

from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from lead_jax.checks import InputError

# In order of preference.
_LISTS = ("labels_no_difficult", "labels")


class Keys(NamedTuple):
  """Names of features.

  `labels` has one name; or, where `several`, those of the lists in the order in which they
  are asked, the first being the set of an image's classes.
  """

  image: str
  labels: tuple[str, ...]
  class_names: tuple[str, ...]
  several: bool


def find_keys(tfds: ModuleType, info: Any, source: str) -> Keys:
  """Finds the image and the class among a data set's features.

  Raises:
    InputError: If there is none of either, or several and nothing that tells which.
  """
  images = [
    key
    for key, feature in info.features.items()
    if type(feature) is tfds.features.Image  # Masks are a subclass.
    and np.dtype(feature.np_dtype) in (np.uint8, np.uint16)
  ]
  classes = [
    key
    for key, feature in info.features.items()
    if isinstance(feature, tfds.features.ClassLabel)
  ]
  lists = [
    key
    for key, feature in info.features.items()
    if isinstance(feature, tfds.features.Sequence)
    and isinstance(feature.feature, tfds.features.ClassLabel)
  ]
  image = _one(images, "image", "8-bit image", info, source)
  if lists and not classes:
    known = [key for key in _LISTS if key in lists]
    labels = tuple(known) or (_one(lists, "", "list of class labels", info, source),)
    return Keys(image, labels, tuple(info.features[labels[0]].feature.names), True)
  label = _one(classes, "label", "class label (ClassLabel)", info, source)
  return Keys(image, (label,), tuple(info.features[label].names), False)


def _one(keys: list[str], usual: str, what: str, info: Any, source: str) -> str:
  # The pair that the data set itself declares, then the usual name, then the only one.
  named = [key for key in (*(info.supervised_keys or ()), usual) if key in keys]
  if not named and len(keys) != 1:
    many = f"several ({', '.join(keys)})" if keys else "none"
    raise InputError(
      f"{source}: one {what} an example is needed, it has {many} among its features "
      f"{', '.join(info.features)}"
    )
  return (named or keys)[0]
