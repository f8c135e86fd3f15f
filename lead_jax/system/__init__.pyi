from ._atomic import (
  UnwrittenError as UnwrittenError,
  explain_write_errors as explain_write_errors,
  move_into_place as move_into_place,
  replacing as replacing,
  replacing_folder as replacing_folder,
  replacing_path as replacing_path,
  write_bytes as write_bytes,
  write_text as write_text,
  write_together as write_together,
)
from ._cache_dir import (
  default_cache_dir as default_cache_dir,
)
from ._claims import (
  Claims as Claims,
)
from ._cores import (
  cpu_count as cpu_count,
)
from ._deprecation import (
  deprecated as deprecated,
)
from ._kept_programs import (
  KeptPrograms as KeptPrograms,
  keep_compiled as keep_compiled,
)
from ._keys import (
  canonical_json as canonical_json,
  content_key as content_key,
  file_digest as file_digest,
)
from ._lock import (
  alone_with as alone_with,
  is_at as is_at,
  lock_file as lock_file,
)
from ._measuring import (
  Stages as Stages,
  environment as environment,
  peak_mib as peak_mib,
  reset_peak as reset_peak,
)
from ._paths import (
  user_path as user_path,
)
from ._plugins import (
  Plugin as Plugin,
  call_plugin as call_plugin,
  load_named as load_named,
  load_plugin as load_plugin,
  plugins as plugins,
)
from ._regular_file import (
  open_regular as open_regular,
)
from ._sealed import (
  CHECKSUM as CHECKSUM,
  sealed as sealed,
  unsealed as unsealed,
)
from ._sharing import (
  Part as Part,
  Shared as Shared,
  Worked as Worked,
  deal as deal,
  part_of as part_of,
  work_all as work_all,
  work_part as work_part,
)
from ._source_hash import (
  source_hash as source_hash,
)
from ._temporaries import (
  remove_stale as remove_stale,
)
from ._tensorflow import (
  import_tensorflow as import_tensorflow,
  no_stderr as no_stderr,
)
from ._writable import (
  make_writable as make_writable,
)
