#!/usr/bin/env bash
# CPU seconds to digest one file of 2 GiB and 20,000 small ones, beside `openssl dgst -sha256`: digests.sh [FOLDER]
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
folder=$(mktemp -d -p "${1:-${TMPDIR:-/tmp}}")
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/large" "$folder/small"
head -c 2147483648 /dev/urandom > "$folder/large/file"
python3 -c '
import os, sys
for i in range(20000):
    os.makedirs(f"{sys.argv[1]}/{i % 100}", exist_ok=True)
    open(f"{sys.argv[1]}/{i % 100}/{i}", "wb").write(os.urandom(4096))
' "$folder/small"
TIMEFORMAT='openssl   %U s user, %S s system, %R s wall'
for part in large small; do
  echo "$part"
  # Once to have the files in memory.
  find "$folder/$part" -type f -print0 | xargs -0 cat > /dev/null
  time (find "$folder/$part" -type f -print0 | xargs -0 openssl dgst -sha256 > /dev/null)
  (cd "$root" && cargo bench --quiet --bench engine -- digests "$folder/$part")
done
