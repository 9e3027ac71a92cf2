#!/bin/sh
# Makes the fixture of SamplerReferenceTests with llama.cpp's samplers.
#   make-references.sh tests/Abi.Llm.Tests/Sampling/References [SEED COUNT]
set -eu
here=$(dirname "$0")
work=$(mktemp -d)
g++ -O2 "$here/reference.cpp" -o "$work/reference" -lllama
"$work/reference" "$here/../../../models/stories.gguf" "${2:-1}" "${3:-300}" > "$1/samplers.jsonl"
rm -r "$work"
