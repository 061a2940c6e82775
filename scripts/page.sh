#!/usr/bin/env bash
# page.sh install: what drives a browser, at the versions pinned in tests/page, into PAGE_DIR (default ~/.cache/retake-page)
# page.sh run FILE ARGUMENTS…: runs a program of tests/page with it, in Chromium
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)/tests/page
D=${PAGE_DIR:-$HOME/.cache/retake-page}/$(cksum <"$here/package.json" | cut -d' ' -f1)
install() {
  [ -e "$D/.ok" ] && return
  rm -rf "$D"; mkdir -p "$D"
  cp "$here/package.json" "$D/"
  npm install --silent --no-audit --no-fund --prefix "$D"
  touch "$D/.ok"
}
case "${1:-}" in
  install) install ;;
  # Node looks for packages beside the file it runs.
  # Of two tests that copy a new file at once, one fails, and finds it there.
  run) shift; cp "$here"/*.mjs "$D/" || cp "$here"/*.mjs "$D/"; file=$D/$(basename "$1"); shift; exec node "$file" "$@" ;;
  *) echo "usage: $0 install | run FILE ARGUMENTS…" >&2; exit 2 ;;
esac
