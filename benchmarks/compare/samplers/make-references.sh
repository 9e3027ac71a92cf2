#!/bin/sh
# Makes the fixture of SamplerReferenceTests with llama.cpp's samplers. Of some random chains nothing is defined: they are left out.
#   make-references.sh tests/Abi.Llm.Tests/Sampling/References [SEED COUNT]
set -eu
here=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
g++ -O2 "$here/reference.cpp" -o "$work/reference" -lllama
"$work/reference" "$here/../../../models/stories.gguf" "${2:-1}" "${3:-300}" > "$work/samplers.jsonl"
grep -v '"steps":\[\]' "$work/samplers.jsonl" > "$1/samplers.jsonl"
