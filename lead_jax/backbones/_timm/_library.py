"""The timm library itself: there or not, which models it knows, and kept silent."""

import contextlib
import difflib
import io
import logging
import os
import sys
import types
import warnings
from collections.abc import Iterator
from typing import Any

from lead_jax.checks import InputError, need

Module = Any  # a torch.nn.Module; torch need not be there to read this


def require_timm() -> types.ModuleType:
  """Imports timm.

  Raises:
    InputError: If it, torch or torch's exporter is not there or does not start.
  """
  purpose = "a model called timm/NAME"
  with quiet():
    # torch's exporter would fail late without onnxscript.
    for module in ("onnxscript", "torch", "timm"):
      library = need(module, extra="torch", purpose=purpose)
  return library


def check_name(name: str) -> None:
  """Raises `InputError` if timm knows no such model or no such weights of it.

  Args:
    name: As timm writes it, `ARCHITECTURE` or `ARCHITECTURE.TAG`.
  """
  timm = require_timm()
  architecture, _, tag = name.partition(".")
  if not timm.is_model(architecture):
    known = timm.list_models()
    near = [other for other in known if architecture and other.startswith(architecture)]
    near = near[:3] or difflib.get_close_matches(architecture, known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise InputError(
      f"timm {timm.__version__} has no model {architecture!r}: {hint}"
      "timm.list_models() lists all"
    )
  tags = tags_of(architecture)
  if tag and tag not in tags:
    near = difflib.get_close_matches(tag, tags, n=len(tags), cutoff=0.0)
    held = ", ".join(f"{architecture}.{t}" for t in near) or "none with a tag"
    raise InputError(
      f"timm {timm.__version__} has no weights {tag!r} of {architecture}; it has {held}"
    )


def tags_of(architecture: str) -> list[str]:
  """The tags of the weights that timm publishes for an architecture."""
  timm = require_timm()
  return [name.partition(".")[2] for name in timm.list_pretrained(f"{architecture}.*")]


@contextlib.contextmanager
def silenced() -> Iterator[None]:
  """As `quiet`, and compiled code's own printing too: nothing else may print now."""
  sys.stdout.flush()
  sys.stderr.flush()
  with quiet(), open(os.devnull, "w") as nowhere, contextlib.ExitStack() as stack:
    for number in (1, 2):
      kept = os.dup(number)
      stack.callback(os.close, kept)
      stack.callback(os.dup2, kept, number)
      os.dup2(nowhere.fileno(), number)
    yield


@contextlib.contextmanager
def quiet() -> Iterator[None]:
  """Keeps what others print, log and warn of off the terminal."""
  before = logging.root.manager.disable
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    try:
      with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
      ):
        yield
    finally:
      logging.disable(before)
