"""Texts of errors and of strangers, on one line."""

from lead_jax.checks._errors import InputError


def one_line(error: BaseException) -> str:
  """Returns what an error says, on one line; its type too where it is not ours."""
  text = " ".join(str(error).split())
  if isinstance(error, InputError):
    return text
  return f"{type(error).__name__}: {text}" if text else type(error).__name__
