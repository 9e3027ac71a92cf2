// llama.cpp's logits of a prompt under a control vector, for ControlVectorReferenceTests.
//   g++ -O2 reference.cpp -o reference -lllama -lggml -lggml-base
//   ./reference MODEL.gguf VECTOR.gguf SCALE FIRST LAST OUT.npy ID...
// Writes OUT.npy (float32, prompt x vocabulary). The vector goes in as llama.cpp's tools put it: direction.N times the scale behind layer N, of layers FIRST to LAST. Float32 cache, no
// flash attention.
#include <gguf.h>
#include <llama.h>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

static int fail(const char *what) { fprintf(stderr, "%s failed\n", what); return 1; }

int main(int argc, char **argv) {
    if (argc < 8) return fail("usage: MODEL VECTOR SCALE FIRST LAST OUT ID...;");
    llama_log_set([](ggml_log_level level, const char *text, void *) { if (level == GGML_LOG_LEVEL_ERROR) fputs(text, stderr); }, nullptr);
    llama_backend_init();
    ggml_backend_load_all();
    auto mp = llama_model_default_params();
    mp.n_gpu_layers = 0;
    auto *model = llama_model_load_from_file(argv[1], mp);
    if (!model) return fail("load");
    const int width = llama_model_n_embd(model), layers = llama_model_n_layer(model), vocabulary = llama_vocab_n_tokens(llama_model_get_vocab(model)), count = argc - 7;

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

    auto cp = llama_context_default_params();
    cp.n_ctx = cp.n_batch = cp.n_ubatch = 256;
    cp.n_threads = cp.n_threads_batch = 1;
    cp.type_k = cp.type_v = GGML_TYPE_F32;
    cp.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
    auto *context = llama_init_from_model(model, cp);
    if (!context) return fail("context");
    if (llama_set_adapter_cvec(context, directions.data(), directions.size(), width, atoi(argv[4]), atoi(argv[5]))) return fail("apply");
    auto batch = llama_batch_init(256, 0, 1);
    for (int i = 0; i < count; i++) {
        batch.token[i] = atoi(argv[7 + i]);
        batch.pos[i] = i;
        batch.n_seq_id[i] = 1;
        batch.seq_id[i][0] = 0;
        batch.logits[i] = 1;
    }
    batch.n_tokens = count;
    if (llama_decode(context, batch)) return fail("decode");
    FILE *npy = fopen(argv[6], "wb");
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
