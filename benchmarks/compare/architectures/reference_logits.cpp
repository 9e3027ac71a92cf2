// llama.cpp's logits and greedy ids for one model, for the explicit test ArchitectureTableTests.
//   g++ -O2 reference_logits.cpp -o reference_logits -lllama -lggml -lggml-base
//   ./reference_logits MODEL.gguf OUT-PREFIX PROMPT-LENGTH GREEDY-LENGTH
// Writes OUT-PREFIX.npy (float32, prompt x vocabulary) and OUT-PREFIX.greedy (lines "id margin").
// Prompt: the high bits of a linear congruential generator. Float32 cache, no flash attention.
#include <llama.h>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

static int fail(const char *what) { fprintf(stderr, "%s failed\n", what); return 1; }

int main(int argc, char **argv) {
    if (argc < 5) return fail("usage: MODEL OUT PROMPT GREEDY;");
    llama_log_set([](ggml_log_level level, const char *text, void *) { if (level == GGML_LOG_LEVEL_ERROR) fputs(text, stderr); }, nullptr);
    llama_backend_init();
    ggml_backend_load_all();
    auto mp = llama_model_default_params();
    mp.n_gpu_layers = 0;
    auto *model = llama_model_load_from_file(argv[1], mp);
    if (!model) return fail("load");
    const int vocabulary = llama_vocab_n_tokens(llama_model_get_vocab(model)), prompt = atoi(argv[3]), greedy = atoi(argv[4]);
    auto cp = llama_context_default_params();
    cp.n_ctx = cp.n_batch = cp.n_ubatch = 256;
    cp.n_threads = cp.n_threads_batch = 1;
    cp.type_k = cp.type_v = GGML_TYPE_F32;
    cp.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
    cp.swa_full = true;
    auto *context = llama_init_from_model(model, cp);
    if (!context) return fail("context");
    auto batch = llama_batch_init(256, 0, 1);
    auto add = [&](int i, int id, int position) {
        batch.token[i] = id;
        batch.pos[i] = position;
        batch.n_seq_id[i] = 1;
        batch.seq_id[i][0] = 0;
        batch.logits[i] = 1;
    };
    uint32_t state = 12345;
    for (int i = 0; i < prompt; i++) {
        state = state * 1664525u + 1013904223u;
        add(i, (int)((state >> 8) % (uint32_t)(vocabulary < 128 ? vocabulary : 128)), i);
    }
    batch.n_tokens = prompt;
    if (llama_decode(context, batch)) return fail("decode");
    std::string prefix = argv[2];
    FILE *npy = fopen((prefix + ".npy").c_str(), "wb");
    char text[128];
    int length = snprintf(text, sizeof text, "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }", prompt, vocabulary);
    std::string header(text, length);
    header.append((10 + length + 1 + 63) / 64 * 64 - 10 - length - 1, ' ');
    header += '\n';
    unsigned short size = header.size();
    fwrite("\x93NUMPY\x01\x00", 1, 8, npy);
    fwrite(&size, 2, 1, npy);
    fwrite(header.data(), 1, header.size(), npy);
    for (int i = 0; i < prompt; i++) fwrite(llama_get_logits_ith(context, i), sizeof(float), vocabulary, npy);
    fclose(npy);
    FILE *ids = fopen((prefix + ".greedy").c_str(), "w");
    for (int step = 0, last = prompt - 1; step < greedy; step++, last = 0) {
        const float *logits = llama_get_logits_ith(context, last);
        int best = 0, second = -1;
        for (int i = 1; i < vocabulary; i++) if (logits[i] > logits[best]) best = i;
        for (int i = 0; i < vocabulary; i++) if (i != best && (second < 0 || logits[i] > logits[second])) second = i;
        fprintf(ids, "%d %.6g\n", best, logits[best] - logits[second]);
        batch.n_tokens = 1;
        add(0, best, prompt + step);
        if (llama_decode(context, batch)) return fail("decode");
    }
    fclose(ids);
    return 0;
}
