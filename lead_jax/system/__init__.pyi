from ._cache_dir import (
  default_cache_dir as default_cache_dir,
)
from ._content_key import (
  canonical_json as canonical_json,
  content_key as content_key,
)
from ._compiled import (
  forget_if_many as forget_if_many,
  keep_compiled as keep_compiled,
)
from ._measuring import (
  Stages as Stages,
  environment as environment,
  peak_mib as peak_mib,
  reset_peak as reset_peak,
)
from ._tensorflow import (
  import_tensorflow as import_tensorflow,
  no_stderr as no_stderr,
)
