// llama.cpp's logits of a prompt under a control vector, for ControlVectorReferenceTests.
//   g++ -O2 reference.cpp -o reference -lllama -lggml -lggml-base
//   ./reference MODEL.gguf VECTOR.gguf SCALE FIRST LAST OUT.npy ID...
// The vector goes in as llama.cpp's tools put it: direction.N times the scale behind layer N, of layers FIRST to LAST.
#include "../reference.h"
#include <gguf.h>
#include <cstring>

int main(int argc, char **argv) {
    if (argc < 8) return fail("usage: MODEL VECTOR SCALE FIRST LAST OUT ID...;");
    auto *model = load(argv[1]);
    if (!model) return fail("load");
    const int width = llama_model_n_embd(model), layers = llama_model_n_layer(model);

    ggml_context *tensors = nullptr;
    auto *file = gguf_init_from_file(argv[2], { false, &tensors });
    if (!file) return fail("vector");
    std::vector<float> directions((size_t) width * (layers - 1));
    for (auto *tensor = ggml_get_first_tensor(tensors); tensor; tensor = ggml_get_next_tensor(tensors, tensor)) {
        if (strncmp(tensor->name, "direction.", 10) != 0) continue; // the blob that holds all data
        const int layer = atoi(tensor->name + 10);
        if (layer < 1 || layer >= layers || tensor->type != GGML_TYPE_F32 || ggml_nelements(tensor) != width) return fail(tensor->name);
        for (int i = 0; i < width; i++) directions[(size_t) (layer - 1) * width + i] += (float) atof(argv[3]) * ((const float *) tensor->data)[i];
    }

    auto *context = context_of(model, 256);
    if (!context) return fail("context");
    if (llama_set_adapter_cvec(context, directions.data(), directions.size(), width, atoi(argv[4]), atoi(argv[5]))) return fail("apply");
    std::vector<int> ids;
    for (int i = 7; i < argc; i++) ids.push_back(atoi(argv[i]));
    auto batch = llama_batch_init(256, 0, 1);
    if (!decode(context, batch, ids)) return fail("decode");
    return write_npy(argv[6], context, ids.size(), llama_vocab_n_tokens(llama_model_get_vocab(model))) ? 0 : fail("write");
}
