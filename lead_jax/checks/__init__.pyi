from ._errors import (
  InputError as InputError,
  shown as shown,
)
from ._inputs import (
  Inputs as Inputs,
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
  option as option,
)
