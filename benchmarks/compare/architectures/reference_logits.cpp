// llama.cpp's logits and greedy ids for one model, for the explicit test ArchitectureTableTests.
//   g++ -O2 reference_logits.cpp -o reference_logits -lllama -lggml -lggml-base
//   ./reference_logits MODEL.gguf OUT-PREFIX PROMPT-LENGTH GREEDY-LENGTH
// Writes OUT-PREFIX.npy (float32, prompt x vocabulary) and OUT-PREFIX.greedy (lines "id margin"); for a model that only embeds, OUT-PREFIX.npy alone (float32, prompt x width).
// Prompt: the high bits of a linear congruential generator.
#include "../reference.h"
#include <cfloat>
#include <cstdint>

int main(int argc, char **argv) {
    if (argc < 5) return fail("usage: MODEL OUT PROMPT GREEDY;");
    auto *model = load(argv[1]);
    if (!model) return fail("load");
    const int vocabulary = llama_vocab_n_tokens(llama_model_get_vocab(model)), prompt = atoi(argv[3]), greedy = atoi(argv[4]);
    auto *context = context_of(model, 256);
    if (!context) return fail("context");
    std::vector<int> ids;
    uint32_t state = 12345;
    for (int i = 0; i < prompt; i++) {
        state = state * 1664525u + 1013904223u;
        ids.push_back((int)((state >> 8) % (uint32_t)(vocabulary < 128 ? vocabulary : 128)));
    }

    char architecture[64] = "";
    llama_model_meta_val_str(model, "general.architecture", architecture, sizeof architecture);
    const bool embeds = architecture == std::string("llama-embed");
    llama_set_embeddings(context, embeds);
    auto batch = llama_batch_init(256, 0, 1);
    if (!decode(context, batch, ids)) return fail("decode");
    const std::string prefix = argv[2];
    if (embeds) return write_npy(prefix + ".npy", context, prompt, llama_model_n_embd(model), llama_get_embeddings_ith) ? 0 : fail("write");
    if (!write_npy(prefix + ".npy", context, prompt, vocabulary)) return fail("write");
    // Ids that are never next have the least logit, but only in the first row of a batch.
    std::vector<bool> never;
    for (int i = 0; i < vocabulary; i++) never.push_back(llama_get_logits_ith(context, 0)[i] == -FLT_MAX);
    FILE *lines = fopen((prefix + ".greedy").c_str(), "w");
    for (int step = 0, last = prompt - 1; step < greedy; step++, last = 0) {
        const float *logits = llama_get_logits_ith(context, last);
        int best = 0, second = -1;
        for (int i = 1; i < vocabulary; i++) if (!never[i] && logits[i] > logits[best]) best = i;
        for (int i = 0; i < vocabulary; i++) if (!never[i] && i != best && (second < 0 || logits[i] > logits[second])) second = i;
        fprintf(lines, "%d %.6g\n", best, logits[best] - logits[second]);
        batch.n_tokens = 1;
        put(batch, 0, best, prompt + step);
        if (llama_decode(context, batch)) return fail("decode");
    }
    fclose(lines);
    return 0;
}
