from ._ending import (
  end_well as end_well,
  read_flags as read_flags,
  run_script as run_script,
)
from ._flags import (
  SharedFlags as SharedFlags,
)
from ._stdout import (
  print_text as print_text,
)
