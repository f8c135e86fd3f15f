from ._cache_dir import (
  default_cache_dir as default_cache_dir,
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
from ._plugins import (
  Plugin as Plugin,
  call_plugin as call_plugin,
  load_named as load_named,
  load_plugin as load_plugin,
  plugins as plugins,
)
from ._source_hash import (
  source_hash as source_hash,
)
from ._tensorflow import (
  import_tensorflow as import_tensorflow,
  no_stderr as no_stderr,
)
