"""Digests of files, and their comparison with what was published."""

import hashlib
import os
import pathlib
from collections.abc import Sequence

from lead_jax.checks import InputError
from lead_jax.system import file_digest


def files_digest(paths: Sequence[pathlib.Path]) -> str:
  """Returns one SHA-256 of several files: a single file's own, else one of theirs all."""
  if len(paths) == 1:
    return file_digest(paths[0])
  whole = hashlib.sha256()
  for path in paths:
    whole.update(bytes.fromhex(file_digest(path)))
  return whole.hexdigest()


def check_digest(path: str | os.PathLike, published: str) -> None:
  """Compares a file with its published digest.

  Args:
    path: The file.
    published: SHA-256 in hex, or its first digits; `md5:` before it for MD5.

  Raises:
    InputError: If they differ.
  """
  algorithm, _, digits = published.rpartition(":")
  found = file_digest(path, algorithm or "sha256")
  if not found.startswith(digits.lower()):
    raise InputError(
      f"{os.fspath(path)} is not the published file, or is damaged: its "
      f"{(algorithm or 'sha256').upper()} begins {found[: len(digits)]}, published is "
      f"{digits}; fetch it again"
    )
