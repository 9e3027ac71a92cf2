// What the programs that ask llama.cpp for references have in common: a model on the CPU, a float32 cache without flash attention, one thread, and logits written for NumPy.
#pragma once
#include <llama.h>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

static int fail(const char *what) { fprintf(stderr, "%s failed\n", what); return 1; }

// Loads a model; null when it cannot be loaded. Errors go to stderr.
static llama_model *load(const char *path) {
    llama_log_set([](ggml_log_level level, const char *text, void *) { if (level == GGML_LOG_LEVEL_ERROR) fputs(text, stderr); }, nullptr);
    llama_backend_init();
    ggml_backend_load_all();
    auto parameters = llama_model_default_params();
    parameters.n_gpu_layers = 0;
    return llama_model_load_from_file(path, parameters);
}

// Room for so many tokens, all of which may be one batch; null when there is none.
static llama_context *context_of(llama_model *model, int tokens) {
    auto parameters = llama_context_default_params();
    parameters.n_ctx = parameters.n_batch = parameters.n_ubatch = tokens;
    parameters.n_threads = parameters.n_threads_batch = 1;
    parameters.type_k = parameters.type_v = GGML_TYPE_F32;
    parameters.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
    parameters.swa_full = true;
    return llama_init_from_model(model, parameters);
}

// Puts a token at a place of a batch; its logits are asked for.
static void put(llama_batch &batch, int at, int id, int position) {
    batch.token[at] = id;
    batch.pos[at] = position;
    batch.n_seq_id[at] = 1;
    batch.seq_id[at][0] = 0;
    batch.logits[at] = 1;
}

// Decodes a prompt in one batch.
static bool decode(llama_context *context, llama_batch &batch, const std::vector<int> &ids) {
    for (size_t i = 0; i < ids.size(); i++) put(batch, i, ids[i], i);
    batch.n_tokens = ids.size();
    return llama_decode(context, batch) == 0;
}

// Writes the logits of the last batch: float32, [tokens, vocabulary]; or other rows of numbers.
static bool write_npy(const std::string &path, llama_context *context, int tokens, int vocabulary, float *(*row)(llama_context *, int) = llama_get_logits_ith) {
    FILE *npy = fopen(path.c_str(), "wb");
    if (!npy) return false;
    char text[128];
    int length = snprintf(text, sizeof text, "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }", tokens, vocabulary);
    std::string header(text, length);
    header.append((10 + length + 1 + 63) / 64 * 64 - 10 - length - 1, ' ');
    header += '\n';
    unsigned short size = header.size();
    fwrite("\x93NUMPY\x01\x00", 1, 8, npy);
    fwrite(&size, 2, 1, npy);
    fwrite(header.data(), 1, header.size(), npy);
    for (int i = 0; i < tokens; i++) fwrite(row(context, i), sizeof(float), vocabulary, npy);
    return fclose(npy) == 0;
}
