// llama.cpp's logits of a prompt with LoRA adapters, for AdapterReferenceTests.
//   g++ -O2 reference.cpp -o reference -lllama -lggml -lggml-base
//   ./reference MODEL.gguf OUT.npy ID,ID,... [ADAPTER.gguf=SCALE]...
#include "../reference.h"

int main(int argc, char **argv) {
    if (argc < 4) return fail("usage: MODEL OUT ID,ID,... [ADAPTER=SCALE]...;");
    auto *model = load(argv[1]);
    if (!model) return fail("load");
    std::vector<llama_adapter_lora *> adapters;
    std::vector<float> scales;
    for (int i = 4; i < argc; i++) {
        const std::string text = argv[i];
        const auto at = text.rfind('=');
        adapters.push_back(llama_adapter_lora_init(model, text.substr(0, at).c_str()));
        scales.push_back((float) atof(text.c_str() + at + 1));
        if (!adapters.back()) return fail("adapter");
    }

    auto *context = context_of(model, 64);
    if (!context) return fail("context");
    if (!adapters.empty() && llama_set_adapters_lora(context, adapters.data(), adapters.size(), scales.data())) return fail("apply");
    std::vector<int> ids;
    for (char *id = argv[3]; *id; id += *id == ',') ids.push_back(strtol(id, &id, 10));
    auto batch = llama_batch_init(64, 0, 1);
    if (!decode(context, batch, ids)) return fail("decode");
    return write_npy(argv[2], context, ids.size(), llama_vocab_n_tokens(llama_model_get_vocab(model))) ? 0 : fail("write");
}
