#!/bin/sh
set -eu
ask() {
  curl -sS --fail-with-body https://api.openai.com/v1/responses -H 'Content-Type: application/json' \
    -H 'Authorization: Bearer sk-example-7f3a9c1e52d04b68' -d "{\"model\": \"gpt-4o-mini\", \"input\": \"$1\"$2}"
}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
ask 'Which city is near Paris?' '' > "$folder/chat"
ask 'Which town is near Paris?' ', "stream": true' > "$folder/stream"
printf '{"chat": %s, "stream": "%s", "sha256": ["%s"]}\n' "$(cat "$folder/chat")" \
  "$(grep -c '^data: ' "$folder/stream") events" "$(cat "$folder/chat" "$folder/stream" | sha256sum | cut -d' ' -f1)"
