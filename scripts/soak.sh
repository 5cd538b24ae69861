#!/usr/bin/env bash
# Random contact centres for as long as it takes: `make soak`, or `scripts/soak.sh [WORLDS] [STEPS] [FIRST SEED]`.
# Without arguments 1,000 worlds of 2,000 steps each, with the assertions of a debug build.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
exec cargo run -q --profile soak -p dialplane-core --features sim --example soak -- "$@"
