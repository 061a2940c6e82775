#!/usr/bin/env bash
# clients.sh install: the clients of tests/clients at the versions pinned there, into CLIENTS_DIR (default target/clients)
# clients.sh where: prints their folder
# clients.sh python|openai|node20|node24|sh FILE: runs a program with them
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd); here=$root/tests/clients
pins=$(cat "$here"/*.txt "$here/package.json" | cksum | cut -d' ' -f1)
D=${CLIENTS_DIR:-$root/target/clients}/$pins

install_python() {
  python3 -m venv "$D/$1" &&
    "$D/$1/bin/python" -m pip install -q --disable-pip-version-check --only-binary :all: "${@:2}"
}
install_node() {
  local machine version
  case "$(uname -sm)" in
    "Linux x86_64") machine=linux-x64 ;;
    "Linux aarch64") machine=linux-arm64 ;;
    *) echo "clients.sh: no package with Node for $(uname -sm)" >&2; return 1 ;;
  esac
  for version in $(cat "$here/node.txt"); do
    npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$D/node${version%%.*}" "node-$machine@$version" &&
      ln -s "node_modules/node-$machine/bin/node" "$D/node${version%%.*}/node" || return
  done
  mkdir -p "$D/packages" && cp "$here/package.json" "$D/packages/" &&
    npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$D/packages"
}
install() {
  [ -e "$D/.ok" ] && return
  rm -rf "$D"; mkdir -p "$D"
  install_python python -r "$here/requirements.txt" -c "$here/constraints.txt" || return
  # OpenAI's newest SDK has an environment of its own: the frameworks demand an older one.
  install_python openai -r "$here/requirements-openai.txt" || return
  install_node || return
  touch "$D/.ok"
}
kind=${1:-}
case "$kind" in
  install) install ;;
  where) echo "$D" ;;
  python | openai) shift; exec env PYTHONDONTWRITEBYTECODE=1 "$D/$kind/bin/python" "$@" ;;
  # Node looks for packages beside the file it runs.
  node*)
    file=$D/packages/$(basename "$2")
    cp "$2" "$file.$$"; mv "$file.$$" "$file" # another run may be reading it
    exec "$D/$kind/node" "$file" ;;
  sh) exec sh "$2" ;;
  *) echo "usage: $0 install | where | python FILE | openai FILE | node20 FILE | node24 FILE | sh FILE" >&2; exit 2 ;;
esac
