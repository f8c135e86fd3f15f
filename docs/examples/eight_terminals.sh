#!/bin/bash
# Eight processes of one machine, each with a GPU of its own; then the report.
set -euo pipefail

for number in 1 2 3 4 5 6 7 8; do
  CUDA_VISIBLE_DEVICES=$((number - 1)) lead-rank photos/ --zoo=zoo.json \
    --cache_dir=cache/ --shard="$number/8" > "part-$number.log" 2>&1 &
done
wait

lead-rank photos/ --zoo=zoo.json --cache_dir=cache/ --out=runs/photos
