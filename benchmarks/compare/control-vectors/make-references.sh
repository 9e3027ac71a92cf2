#!/bin/sh
# Makes the fixtures of ControlVectorReferenceTests with llama.cpp: a control vector for the 260K story model, its logits and its texts.
#   make-references.sh stories260K.f32.gguf tests/Abi.Llm.Tests/Activations/ControlVectors
set -eu
here=$(dirname "$0")
model=$1
out=$2
prompt="Once upon a time, there was a little girl named"
python3 "$here/make_vector.py" 64 5 0.15 "$out/vector.gguf"
work=$(mktemp -d)
g++ -O2 "$here/reference.cpp" -o "$work/reference" -lllama -lggml -lggml-base
ids=$(llama-tokenize -m "$model" -p "$prompt" --ids 2>/dev/null | tr -d '[],')
complete() { llama-completion -m "$model" -no-cnv -n 64 --temp 0 -t 1 -ctk f32 -ctv f32 -fa off --no-warmup --no-display-prompt "$@" -p "$prompt" 2>/dev/null </dev/null; }
# shellcheck disable=SC2086
"$work/reference" "$model" "$out/vector.gguf" 1 1 5 "$out/all.npy" $ids
complete --control-vector "$out/vector.gguf" > "$out/all.txt"
# shellcheck disable=SC2086
"$work/reference" "$model" "$out/vector.gguf" -1.5 2 3 "$out/some.npy" $ids
complete --control-vector-scaled "$out/vector.gguf:-1.5" --control-vector-layer-range 2 3 > "$out/some.txt"
complete > "$out/none.txt"
rm -r "$work"
