"""Paths as users write them."""

import os
import pathlib

from lead_jax.checks import InputError, shown


def user_path(path: str | os.PathLike[str]) -> pathlib.Path:
  """Returns a path with `~` and `~NAME` at its start as the folders that they stand for.

  Raises:
    InputError: If it is no path, holds a zero byte, there is no such user, or nothing says
      where the user's folder is.
  """
  if not isinstance(path, str | os.PathLike):
    raise InputError(f"a path is needed, got {shown(repr(path), most=60)}")
  if "\0" in str(path):
    raise InputError(f"{shown(path)!r} is no path: it holds a zero byte")
  try:
    return pathlib.Path(path).expanduser()
  except RuntimeError:
    reason = (
      "the home folder is not known: set HOME, or give a path without ~"
      if pathlib.Path(path).parts[0] == "~"
      else "there is no user of that name"
    )
    raise InputError(f"{os.fspath(path)!r}: {reason}") from None
