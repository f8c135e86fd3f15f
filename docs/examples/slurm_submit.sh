#!/bin/bash
# Eight parts, and a job that concludes when they have ended, well or badly.
set -euo pipefail
job="$(dirname "$0")/slurm_job.sh"

array=$(sbatch --parsable --array=1-8 "$job")
sbatch --dependency="afterany:$array" "$job"
