"""The one exception for what a user can put right.

The command line prints its message as one line and exits with code 2; Python callers
catch it as a `ValueError`.
"""


class InputError(ValueError):
  """Something outside the program is wrong; the message names it and the remedy."""
