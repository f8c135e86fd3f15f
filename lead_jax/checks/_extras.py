"""Libraries that an ordinary installation lacks: imported here, or named with their extra.

The extras are those of `pyproject.toml`; docs/installation.md says what each brings.
"""

import importlib
from types import ModuleType

from lead_jax.checks._errors import InputError
from lead_jax.checks._texts import shown


def need(module: str, *, extra: str, purpose: str, note: str = "") -> ModuleType:
  """Imports a library that belongs to an extra.

  Args:
    module: Its dotted name.
    extra: The extra of lead_jax that installs it.
    purpose: What needs it; begins the message.
    note: Ends the message, in brackets.

  Returns:
    The module.

  Raises:
    InputError: If it, or a library that it imports, is not installed or does not start.
  """
  try:
    return importlib.import_module(module)
  except ModuleNotFoundError as error:
    reason = f"{error.name or module}, which is not installed: {install(extra)}"
    cause: Exception = error
  # Compiled parts that do not fit each other fail in many ways.
  except Exception as error:
    reason = (
      f"{module}, which is installed but fails to import ({shown(error)}): install "
      f"versions that belong together, {install(extra)}"
    )
    cause = error
  raise InputError(f"{purpose} needs {reason}{note and f' ({note})'}") from cause


def install(extra: str) -> str:
  """Returns the command that installs an extra."""
  return f"pip install 'lead_jax[{extra}]'"
