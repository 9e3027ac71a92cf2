// llama.cpp's logits of a prompt with LoRA adapters, for AdapterReferenceTests.
//   g++ -O2 reference.cpp -o reference -lllama -lggml -lggml-base
//   ./reference MODEL.gguf OUT.npy ID,ID,... [ADAPTER.gguf=SCALE]...
// Writes OUT.npy (float32, prompt x vocabulary). Float32 cache, no flash attention, one thread.
#include <llama.h>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

static int fail(const char *what) { fprintf(stderr, "%s failed\n", what); return 1; }

int main(int argc, char **argv) {
    if (argc < 4) return fail("usage: MODEL OUT ID,ID,... [ADAPTER=SCALE]...;");
    llama_log_set([](ggml_log_level level, const char *text, void *) { if (level >= GGML_LOG_LEVEL_WARN) fputs(text, stderr); }, nullptr);
    llama_backend_init();
    ggml_backend_load_all();
    auto mp = llama_model_default_params();
    mp.n_gpu_layers = 0;
    auto *model = llama_model_load_from_file(argv[1], mp);
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

    auto cp = llama_context_default_params();
    cp.n_ctx = cp.n_batch = cp.n_ubatch = 64;
    cp.n_threads = cp.n_threads_batch = 1;
    cp.type_k = cp.type_v = GGML_TYPE_F32;
    cp.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
    auto *context = llama_init_from_model(model, cp);
    if (!context) return fail("context");
    if (!adapters.empty() && llama_set_adapters_lora(context, adapters.data(), adapters.size(), scales.data())) return fail("apply");
    auto batch = llama_batch_init(64, 0, 1);
    for (char *id = argv[3]; *id; batch.n_tokens++) {
        const int i = batch.n_tokens;
        batch.token[i] = strtol(id, &id, 10);
        batch.pos[i] = i;
        batch.n_seq_id[i] = 1;
        batch.seq_id[i][0] = 0;
        batch.logits[i] = 1;
        id += *id == ',';
    }

    const int count = batch.n_tokens, vocabulary = llama_vocab_n_tokens(llama_model_get_vocab(model));
    if (llama_decode(context, batch)) return fail("decode");
    FILE *npy = fopen(argv[2], "wb");
    char text[128];
    int length = snprintf(text, sizeof text, "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }", count, vocabulary);
    std::string header(text, length);
    header.append((10 + length + 1 + 63) / 64 * 64 - 10 - length - 1, ' ');
    header += '\n';
    unsigned short size = header.size();
    fwrite("\x93NUMPY\x01\x00", 1, 8, npy);
    fwrite(&size, 2, 1, npy);
    fwrite(header.data(), 1, header.size(), npy);
    for (int i = 0; i < count; i++) fwrite(llama_get_logits_ith(context, i), sizeof(float), vocabulary, npy);
    fclose(npy);
}
