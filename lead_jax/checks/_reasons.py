"""Why something failed, as one sentence: the reason on a row.

What a model or a metric raises may be written by anybody: a sentence with its remedy, a key
without a word, ten lines of a compiler. A reader of a row sees none of the program, so the
reason says what was being done, what was raised, where, and what to do.
"""

import os
from types import TracebackType

from lead_jax.checks._errors import InputError
from lead_jax.checks._texts import shown

# Letters of a text that are kept.
_MOST = 300
# Errors whose text, where it is ours, is meant for the user.
_SPOKEN = (ValueError, TypeError, NotImplementedError, OSError)
# Libraries in whose files nobody looks for the cause.
_LIBRARIES = frozenset(
  (
    "flax",
    "haiku",
    "importlib",
    "jax",
    "jaxlib",
    "ml_dtypes",
    "numpy",
    "optax",
    "scipy",
  )
)
_MEMORY = "RESOURCE_EXHAUSTED"


def reason(error: BaseException, doing: str) -> str:
  """Returns why something failed, as one line that a stranger understands.

  Args:
    error: What was raised; its traceback says where.
    doing: What failed, in words: `metric 'knn'`, `loading the model`.
  """
  if isinstance(error, InputError):
    return shown(error, most=None)
  kind, text = shown(type(error).__name__), _said(error)
  if isinstance(error, MemoryError) or _MEMORY in text:
    said = f" ({text})" if text else ""
    return (
      f"{doing} ran out of memory{said}: use fewer images, a smaller batch size or "
      "a larger machine"
    )
  if isinstance(error, RecursionError):
    return f"{doing} reached Python's recursion limit: something is nested too deep"
  if isinstance(error, SystemExit):
    return f"{doing} ended Python with exit code {text or 0}: it should raise an error"
  own, place = _place(error.__traceback__)
  if own and isinstance(error, _SPOKEN) and len(text.split()) > 2:
    return text
  raised = f"{kind}: {text}" if text else f"{kind} without a text"
  if isinstance(error, KeyError):
    raised = f"KeyError: there is no {text}"
  where = f" at {place}" if place else ""
  remedy = "please report it" if own else "correct the code there, or leave it out"
  return f"{doing} raised {raised}{where}; {remedy}"


def _said(error: BaseException) -> str:
  """What an exception says; of a long text its first line, libraries go on with pages."""
  try:
    text = str(error).strip()
  except Exception:  # of a class whose author never printed one
    return ""
  if len(text) > _MOST:
    text = text.splitlines()[0]
  return shown(text, most=_MOST)


def _place(traceback: TracebackType | None) -> tuple[bool, str]:
  """Whether our own code raised, and in which file and line outside the libraries."""
  own, place = False, ""
  while traceback is not None:
    frame = traceback.tb_frame
    top = str(frame.f_globals.get("__name__", "")).partition(".")[0]
    own = top == "lead_jax"
    if top not in _LIBRARIES:
      name = os.path.basename(frame.f_code.co_filename)
      place = f"{shown(name, most=80)}, line {traceback.tb_lineno}"
    traceback = traceback.tb_next
  return own, place
