#!/bin/sh
# Makes the fixtures of AdapterReferenceTests with llama.cpp: adapters of small random models (abi make-model) and the logits under them.
#   make-references.sh tests/Abi.Llm.Tests/Adapters/References
set -eu
here=$(dirname "$0")
out=$1
work=$(mktemp -d)
g++ -O2 "$here/reference.cpp" -o "$work/reference" -lllama -lggml -lggml-base
small=tiny,vocabulary=272,context=1024,embedding=32,feedforward=48,blocks=2,heads=2,kvheads=1
abi make-model $small,architecture=qwen3moe,experts=4,used=2 "$work/experts.gguf" --type F32 --seed 11
abi make-model $small "$work/dense.gguf" --type F32 --seed 12
experts="blk.0.ffn_gate_exps.weight blk.0.ffn_up_exps.weight blk.0.ffn_down_exps.weight blk.1.ffn_gate_exps.weight blk.1.ffn_down_exps.weight"
# shellcheck disable=SC2086
python3 "$here/make_adapter.py" "$work/experts.gguf" "$out/experts.gguf" 2 3 1 $experts
# shellcheck disable=SC2086
python3 "$here/make_adapter.py" "$work/experts.gguf" "$out/everything.gguf" 3 2 2 $experts token_embd.weight output.weight blk.0.ffn_gate_inp.weight blk.1.attn_q.weight
python3 "$here/make_adapter.py" "$work/dense.gguf" "$out/embeddings.gguf" 2 3 3 token_embd.weight
ids=1,5,40,271,7,7,100,33
"$work/reference" "$work/experts.gguf" "$out/experts-none.npy" $ids
"$work/reference" "$work/experts.gguf" "$out/experts-one.npy" $ids "$out/experts.gguf=1"
"$work/reference" "$work/experts.gguf" "$out/experts-both.npy" $ids "$out/experts.gguf=0.7" "$out/everything.gguf=-0.4"
"$work/reference" "$work/dense.gguf" "$out/dense-embeddings.npy" $ids "$out/embeddings.gguf=0.8"
rm -r "$work"
