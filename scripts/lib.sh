# shellcheck shell=bash
# What the other scripts share: where things are, and how to speak.
set -euo pipefail

# shellcheck disable=SC2034 # read by those who source this file
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
TOOLS=$ROOT/.tools

# The project's own tools stand first, so that a plumed or a test finds the right CometBFT.
export PATH=$TOOLS/bin:$PATH

say() { printf '\n==> %s\n' "$*"; }
note() { printf '    %s\n' "$*"; }
fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# Runs a command as root: directly, or through sudo where that asks for nothing.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif have sudo && sudo -n true 2>/dev/null; then
    sudo -n "$@"
  else
    return 125
  fi
}

# The folder that cargo builds into.
target_dir() { printf '%s' "${CARGO_TARGET_DIR:-$ROOT/target}"; }
