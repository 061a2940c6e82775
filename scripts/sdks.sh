#!/usr/bin/env bash
# sdks.sh install: the official SDKs at the versions pinned in tests/sdks, into SDKS_DIR (default ~/.cache/retake-sdks)
# sdks.sh python|node FILE: runs a program with them
# sdks.sh install-stack, sdks.sh stack FILE: the same with the SDKs of llama-stack 0.2.21's time, pinned in tests/sdks/stack
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
S=${SDKS_DIR:-$HOME/.cache/retake-sdks}/stack-$(cat "$here"/stack/*.txt | cksum | cut -d' ' -f1)
install_stack() {
  [ -e "$S/.ok" ] && return
  rm -rf "$S"; mkdir -p "$S"
  pip="python3 -m pip install -q --disable-pip-version-check --target $S/py"
  $pip -r "$here/stack/requirements.txt" || return
  $pip --no-deps --ignore-requires-python -r "$here/stack/no-deps.txt" || return
  PYTHONPATH="$S/py" python3 -c 'import llama_stack_client, openai, together' || return
  touch "$S/.ok"
}
case "${1:-}" in
  install) install ;;
  install-stack) install_stack ;;
  stack) shift; exec env PYTHONPATH="$S/py" PYTHONDONTWRITEBYTECODE=1 python3 "$@" ;;
  python) shift; exec env PYTHONPATH="$D/py" PYTHONDONTWRITEBYTECODE=1 python3 "$@" ;;
  # Node looks for packages beside the file it runs.
  node) cp "$2" "$D/node/"; exec node "$D/node/$(basename "$2")" ;;
  *) echo "usage: $0 install | python FILE | node FILE | install-stack | stack FILE" >&2; exit 2 ;;
esac
