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
  local pins="maturin==1.16.0 ziglang==0.15.2"
  local place=$root/target/release-tools/$(echo "$pins" | cksum | cut -d' ' -f1)
  if [ ! -e "$place/.ok" ]; then
    rm -rf "$place"
    python3 -m venv "$place"
    # shellcheck disable=SC2086
    "$place/bin/pip" install -q --disable-pip-version-check $pins
    touch "$place/.ok"
  fi
  PATH=$place/bin:$PATH
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

# Copies the program for `triple` into a folder and sets `program` to it: the one of RETAKE_PROGRAM, or the one of the
# wheel that `scripts/release/wheel` has built, so that every package holds the same bytes.
take_program() {
  local folder=$1 tag name=retake
  mkdir -p "$folder"
  case $triple in
    x86_64-unknown-linux-gnu) tag=manylinux*_x86_64 ;;
    aarch64-unknown-linux-gnu) tag=manylinux*_aarch64 ;;
    x86_64-apple-darwin) tag=macosx_*_x86_64 ;;
    aarch64-apple-darwin) tag=macosx_*_arm64 ;;
    x86_64-pc-windows-*) tag=win_amd64 name=retake.exe ;;
    *) echo "no package is made for $triple" >&2; exit 2 ;;
  esac
  program=$folder/$name
  if [ -n "${RETAKE_PROGRAM:-}" ]; then
    cp "$RETAKE_PROGRAM" "$program"
  else
    # shellcheck disable=SC2206 # The tag is a pattern.
    local wheels=("$out"/retake_llm-"$version"-*$tag*.whl)
    if [ ! -e "${wheels[0]}" ]; then
      echo "no wheel of retake $version for $triple in ${out#"$root"/}: scripts/release/wheel builds it" >&2
      exit 2
    fi
    unzip -q -p "${wheels[0]}" "*.data/scripts/$name" > "$program"
  fi
  chmod 755 "$program"
}

# The builder's own paths must not be in the program.
export RUSTFLAGS="--remap-path-prefix=$root=retake --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo ${RUSTFLAGS:-}"
# Bytes of packages do not depend on the day of the build.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct 2>/dev/null || echo 1700000000)}
export SOURCE_DATE_EPOCH
