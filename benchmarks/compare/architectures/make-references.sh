#!/bin/sh
# Makes tiny random models of every architecture with llama.cpp's test-llama-archs (of its tests), and llama.cpp's logits and greedy ids for each.
#   make-references.sh FOLDER
# Then: ABI_ARCHITECTURES=FOLDER dotnet test tests/Abi.Llm.Tests -c Release --filter "Name=AllArchitecturesEqualTheReference"
set -eu
here=$(dirname "$0")
folder=$1
mkdir -p "$folder"
[ -n "$(ls "$folder"/*.gguf 2>/dev/null)" ] || test-llama-archs -o "$folder"
g++ -O2 "$here/reference_logits.cpp" -o "$folder/reference_logits" -lllama -lggml -lggml-base
for model in "$folder"/*.gguf; do
    timeout 60 "$folder/reference_logits" "$model" "${model%.gguf}" 100 24 2>"${model%.gguf}.error" || echo "no reference: $model: $(tail -n 1 "${model%.gguf}.error")"
done
