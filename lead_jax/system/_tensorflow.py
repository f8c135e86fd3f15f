"""TensorFlow, imported for its files alone: without a word, and without the GPUs.

It would otherwise take the memory of every GPU, which JAX needs, at its first operation.
"""

import contextlib
import os
from collections.abc import Iterator
from types import ModuleType

from lead_jax.checks import need


def import_tensorflow(purpose: str) -> ModuleType:
  """Imports TensorFlow with its GPUs hidden and its start-up lines unseen.

  Args:
    purpose: What needs it; begins the message of the error.

  Raises:
    InputError: If it is not installed.
  """
  with no_stderr():
    tf = need("tensorflow", extra="tensorflow", purpose=purpose)
    # RuntimeError: the caller has used TensorFlow already and made this choice.
    with contextlib.suppress(RuntimeError):
      tf.config.set_visible_devices([], "GPU")
  return tf


@contextlib.contextmanager
def no_stderr() -> Iterator[None]:
  """Sends descriptor 2 nowhere: TensorFlow's C++ start-up lines heed no setting."""
  try:
    saved = os.dup(2)
  except OSError:  # Closed already.
    yield
    return
  nowhere = os.open(os.devnull, os.O_WRONLY)
  try:
    os.dup2(nowhere, 2)
    yield
  finally:
    os.dup2(saved, 2)
    os.close(saved)
    os.close(nowhere)
