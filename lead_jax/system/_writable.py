"""Whether a folder of results can be written, found out before any work is done."""

import os
import pathlib
import tempfile
from collections.abc import Iterable

from lead_jax.checks import InputError, parameter
from lead_jax.system._atomic import explain_write_errors


def make_writable(out: pathlib.Path, names: Iterable[str] = ()) -> None:
  """Makes a folder of results, and refuses one that could not hold them.

  Args:
    out: The folder, `out=` of whoever asks.
    names: Of the files that will be written into it.

  Raises:
    InputError: If it is a file, cannot be made or written, or a folder has the name of a
      file.
  """
  if os.path.exists(out) and not os.path.isdir(out):
    raise InputError(f"{parameter('out', out)} is a file: give a folder")
  with explain_write_errors(out):
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=out):
      pass
  for name in names:
    if (out / name).is_dir():
      raise InputError(
        f"{str(out / name)!r} is a folder: the results need this name, give another "
        f"{parameter('out')} or move it away"
      )
