from ._halves import (
  LEAST_PER_CLASS as LEAST_PER_CLASS,
  Halves as Halves,
  stratified_halves as stratified_halves,
)
from ._intervals import (
  certainty_of as certainty_of,
)
from ._of_report import (
  with_certainty as with_certainty,
)
