from ._arguments import (
  check_arguments as check_arguments,
  check_fields as check_fields,
)
from ._arrays import (
  plain_array as plain_array,
)
from ._equal_rows import (
  equal_rows as equal_rows,
  equal_rows_line as equal_rows_line,
)
from ._errors import (
  InputError as InputError,
  name_flags as name_flags,
  name_parameters as name_parameters,
  naming_flags as naming_flags,
  parameter as parameter,
)
from ._extras import (
  install as install,
  need as need,
)
from ._inputs import (
  Inputs as Inputs,
  check_digits as check_digits,
  check_distributions as check_distributions,
  check_features as check_features,
  check_inputs as check_inputs,
)
from ._labels import (
  encode_labels as encode_labels,
)
from ._options import (
  OptionDescription as OptionDescription,
  Options as Options,
  Rule as Rule,
  check_num_classes as check_num_classes,
  one_of as one_of,
  option as option,
)
from ._random_key import (
  check_key as check_key,
)
from ._reasons import (
  reason as reason,
)
from ._texts import (
  clean as clean,
  command_line as command_line,
  csv_cell as csv_cell,
  csv_text as csv_text,
  file_name as file_name,
  file_names as file_names,
  one_line as one_line,
  printable as printable,
  shown as shown,
  visible as visible,
)
