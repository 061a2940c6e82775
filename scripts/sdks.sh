#!/usr/bin/env bash
# sdks.sh install: the official SDKs at the versions pinned in tests/sdks, into SDKS_DIR (default ~/.cache/retake-sdks)
# sdks.sh python|node FILE: runs a program with them
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)/tests/sdks
pins=$(cat "$here/requirements.txt" "$here/package.json" | cksum | cut -d' ' -f1)
D=${SDKS_DIR:-$HOME/.cache/retake-sdks}/$pins
install() {
  [ -e "$D/.ok" ] && return
  rm -rf "$D"; mkdir -p "$D/node"
  python3 -m pip install -q --disable-pip-version-check --target "$D/py" -r "$here/requirements.txt"
  cp "$here/package.json" "$D/node/"
  npm install --silent --no-audit --no-fund --prefix "$D/node"
  touch "$D/.ok"
}
case "${1:-}" in
  install) install ;;
  python) shift; exec env PYTHONPATH="$D/py" PYTHONDONTWRITEBYTECODE=1 python3 "$@" ;;
  # Node looks for packages beside the file it runs.
  node) cp "$2" "$D/node/"; exec node "$D/node/$(basename "$2")" ;;
  *) echo "usage: $0 install | python FILE | node FILE" >&2; exit 2 ;;
esac
