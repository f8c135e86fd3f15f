#!/bin/bash
# A part for each of the eight hosts of a TPU v5e slice; /mnt/data is on a disk that all
# hosts mount (Filestore).
set -euo pipefail
name=lead-rank zone=europe-west4-b

gcloud compute tpus queued-resources create "$name" --node-id="$name" --zone="$zone" \
  --accelerator-type=v5litepod-32 --runtime-version=v2-alpha-tpuv5-lite
# Ready when `gcloud compute tpus queued-resources describe` says ACTIVE.

# Each host computes on its own four chips and waits for no other.
gcloud compute tpus tpu-vm ssh "$name" --zone="$zone" --worker=all --command='
  cd /mnt/data
  export TPU_PROCESS_BOUNDS=1,1,1 TPU_CHIPS_PER_PROCESS_BOUNDS=2,2,1
  export TPU_VISIBLE_CHIPS=0,1,2,3
  host=$(curl --silent --header "Metadata-Flavor: Google" \
    "http://metadata.google.internal/computeMetadata/v1/instance/attributes/agent-worker-number")
  lead-rank photos/ --zoo=zoo.json --cache_dir=cache/ --shard=$((host + 1))/8'

# What is in the store needs no TPU.
gcloud compute tpus tpu-vm ssh "$name" --zone="$zone" --worker=0 --command='
  cd /mnt/data
  JAX_PLATFORMS=cpu lead-rank photos/ --zoo=zoo.json --cache_dir=cache/ --out=runs/photos'
