#!/bin/bash
# One part of a ranking as a task of a SLURM array; as a job of its own, the whole of it.
#SBATCH --job-name=lead-rank
#SBATCH --cpus-per-task=8
#SBATCH --time=04:00:00
#SBATCH --output=lead-rank-%A-%a.log
# On GPUs: #SBATCH --gpus-per-task=1
set -euo pipefail

# Which part it is comes from the array.
lead-rank photos/ --zoo=zoo.json --cache_dir=cache/ --out=runs/photos
