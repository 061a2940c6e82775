# shellcheck shell=bash
# Shared by the scripts of this folder. Sets `root`, `out`, `version`, `triple`, and puts the tools in PATH.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"
out=$root/target/release-packages
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
triple=${RETAKE_TARGET:-$(rustc -vV | sed -n 's/^host: //p')}
mkdir -p "$out"

# maturin, and zig as the linker for an old glibc, at versions that are pinned here.
tools() {
  python_tools maturin==1.16.0 ziglang==0.15.2
}

# Rust's standard library for `triple`, which rustup has and no package index.
standard_library() {
  [ -d "$(rustc --print target-libdir --target "$triple")" ] || rustup target add "$triple" || {
    echo "Rust has no standard library for $triple here: rustup target add $triple" >&2
    return 1
  }
}

# Puts tools of the Python index in PATH, at the versions that the caller pins.
python_tools() {
  local place bin=bin
  place=$root/target/release-tools/$(echo "$*" | cksum | cut -d' ' -f1)
  if [ ! -e "$place/.ok" ]; then
    rm -rf "$place"
    python3 -m venv "$place" || return
  fi
  # On Windows the folder has another name.
  [ -d "$place/bin" ] || bin=Scripts
  if [ ! -e "$place/.ok" ]; then
    "$place/$bin/python" -m pip install -q --disable-pip-version-check "$@" || return
    touch "$place/.ok"
  fi
  PATH=$place/$bin:$PATH
}

# A tool of cargo's at a version that is pinned by the caller, built once: `cargo_tool NAME VERSION`. Sets `tool`.
cargo_tool() {
  local place=$root/target/release-tools/$1-$2
  tool=$place/bin/$1
  if [ ! -x "$tool" ]; then
    # The tool needs none of the program's own flags; a debug build is ready sooner.
    RUSTFLAGS='' cargo install --quiet --locked --debug --root "$place" --target-dir "$root/target/release-tools/build" "$1@$2"
  fi
}

# What the packages for `triple` are called. Sets `tag` of wheels (a pattern), `platform` of npm, and `program_name`.
# shellcheck disable=SC2034 # The scripts use them.
names() {
  program_name=retake
  case $triple in
    x86_64-unknown-linux-gnu) tag='manylinux*_x86_64' platform=linux-x64 ;;
    aarch64-unknown-linux-gnu) tag='manylinux*_aarch64' platform=linux-arm64 ;;
    x86_64-apple-darwin) tag='macosx_*_x86_64' platform=darwin-x64 ;;
    aarch64-apple-darwin) tag='macosx_*_arm64' platform=darwin-arm64 ;;
    x86_64-pc-windows-*) tag=win_amd64 platform=win32-x64 program_name=retake.exe ;;
    *) echo "no package is made for $triple" >&2; exit 2 ;;
  esac
}

# Finds the package of that name, which may be a pattern, in target/release-packages, and sets `package` to its path.
# The second word is the script that makes it.
find_package() {
  # shellcheck disable=SC2206 # The name is a pattern.
  local found=("$out"/$1)
  package=${found[0]}
  if [ ! -e "$package" ]; then
    echo "there is no $1 in ${out#"$root"/}: scripts/release/$2 makes it" >&2
    exit 2
  fi
}

# Copies the program for `triple` into a folder and sets `program` to it: the one of RETAKE_PROGRAM, or the one of the
# wheel that `scripts/release/wheel` has built, so that every package holds the same bytes.
take_program() {
  names
  mkdir -p "$1"
  program=$1/$program_name
  if [ -n "${RETAKE_PROGRAM:-}" ]; then
    cp "$RETAKE_PROGRAM" "$program"
  else
    find_package "retake_llm-$version-*$tag*.whl" wheel
    unzip -q -p "$package" "*.data/scripts/$program_name" > "$program"
  fi
  chmod 755 "$program"
}

# The builder's own paths must not be in the program. The compiler on Windows knows them in Windows' form.
native() {
  if command -v cygpath >/dev/null; then cygpath -w "$1"; else echo "$1"; fi
}
RUSTFLAGS="--remap-path-prefix=$(native "$root")=retake --remap-path-prefix=$(native "${CARGO_HOME:-$HOME/.cargo}")=cargo ${RUSTFLAGS:-}"
export RUSTFLAGS
# Bytes of packages do not depend on the day of the build.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct 2>/dev/null || echo 1700000000)}
export SOURCE_DATE_EPOCH
