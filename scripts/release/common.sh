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

# The builder's own paths must not be in the program.
export RUSTFLAGS="--remap-path-prefix=$root=retake --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo ${RUSTFLAGS:-}"
# Bytes of packages do not depend on the day of the build.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct 2>/dev/null || echo 1700000000)}
export SOURCE_DATE_EPOCH
