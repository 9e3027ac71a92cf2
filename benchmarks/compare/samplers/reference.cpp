// Writes random cases of sampler chains and what llama.cpp makes of them, one JSON object a line: reference MODEL SEED COUNT.
// MODEL gives the vocabulary of DRY's sequence breakers. SamplerReferenceTests reads the lines and knows how logits come from a seed.
#include <llama.h>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <random>
#include <string>
#include <vector>

static std::mt19937 generator;

static int whole(int low, int high) { return low + (int)(generator() % (unsigned)(high - low + 1)); }
static float real(float low, float high) { return low + (high - low) * (float)(generator() % 10001) / 10000; }
static bool chance(int percent) { return whole(1, 100) <= percent; }
template <typename T> static T one_of(std::initializer_list<T> values) { return *(values.begin() + whole(0, (int)values.size() - 1)); }

// Only exact float operations, so that the reader gets the same bits.
static float logit(unsigned seed, unsigned i, int kind, float scale) {
    unsigned h = (seed + i * 747796405u) * 1664525u + 1013904223u;
    h = (h ^ (h >> 15)) * 277803737u;
    h ^= h >> 16;
    float unit = (float)(h >> 8) / 16777216;
    switch (kind) {
        case 0: return (unit - 0.5f) * scale;            // flat
        case 1: return unit * unit * unit * unit * scale; // peaked
        case 2: return (float)(h % 6) * scale * 0.25f;    // ties
        default: return h % 3 == 0 && i > 0 ? -INFINITY : (unit - 0.75f) * scale;
    }
}

struct settings {
    float temperature = 1, range = 0, exponent = 1, top_p = 1, min_p = 0, typical = 1, sigma = -1, xtc_p = 0, xtc_t = 0.1f, repeat = 1, frequency = 0, presence = 0;
    float dry_multiplier = 0, dry_base = 1.75f, tau = 5, eta = 0.1f;
    int top_k = 0, keep = 0, last_n = 64, dry_allowed = 2, dry_last_n = 64, mirostat = 0;
    std::vector<std::string> breakers, order;
};

// Beside DRY, whose vocabulary is large, only what does not hang on the last bits of long sums; among ties no order in which a cut, which may take any of them, comes before what looks at ids.
static void draw(settings &s, int vocabulary, bool dry, bool ties) {
    for (auto kind : {"penalties", "dry", "top_n_sigma", "top_k", "typical", "top_p", "min_p", "xtc", "temperature"}) {
        std::string name = kind;
        bool suits = dry ? name != "typical" && name != "top_p" && name != "xtc" && name != "top_n_sigma" : name != "dry";
        if (suits && (name == "dry" || chance(45))) s.order.push_back(name);
    }
    if (!ties && chance(40)) std::shuffle(s.order.begin(), s.order.end(), generator);
    s.temperature = chance(70) ? real(0.1f, 3) : one_of({0.f, -1.f, 1e-4f, 50.f, 1.f});
    s.range = dry || chance(60) ? 0 : one_of({0.1f, 0.5f, 2.f, 10.f, -1.f});
    s.exponent = one_of({1.f, 0.5f, 2.f, 0.f});
    s.top_k = chance(70) ? whole(1, vocabulary) : one_of({0, -5, 1, vocabulary + 1, 1000000});
    s.keep = chance(60) ? 0 : one_of({1, 2, 5, vocabulary, vocabulary + 3});
    s.top_p = chance(70) ? real(0.01f, 1) : one_of({0.f, -1.f, 1.f, 1.5f, 0.999999f});
    s.min_p = chance(70) ? real(0, 0.5f) : one_of({0.f, -1.f, 1.f, 1.5f, 1e-20f});
    s.typical = chance(70) ? real(0.01f, 1) : one_of({0.f, -1.f, 1.f, 2.f, 0.999999f});
    s.sigma = chance(70) ? real(0.1f, 4) : one_of({0.f, -1.f, 1e-3f, 100.f});
    s.xtc_p = one_of({0.f, 0.5f, 1.f, 2.f, -1.f, 0.3f});
    s.xtc_t = chance(70) ? real(0, 0.5f) : one_of({0.f, 0.5f, 0.51f, 1e-6f, -1.f});
    s.last_n = chance(60) ? whole(1, 80) : one_of({0, 1, -1, 1000, 100000});
    s.repeat = chance(70) ? real(0.5f, 2) : one_of({1.f, 1e-3f, 100.f});
    s.frequency = chance(50) ? real(-1, 2) : one_of({0.f, 100.f, -100.f});
    s.presence = chance(50) ? real(-1, 2) : one_of({0.f, 100.f, -100.f});
    if (!dry) return;
    s.dry_multiplier = chance(80) ? real(0.1f, 5) : one_of({0.f, 1e6f});
    s.dry_base = chance(70) ? real(1, 3) : one_of({1.f, 0.9f, 1.0000005f, 1.00001f, 1000.f, -2.f});
    s.dry_allowed = chance(80) ? whole(0, 5) : one_of({0, 1, 30, -1, -7});
    s.dry_last_n = chance(60) ? whole(1, 300) : one_of({0, -1, 1, 2, 5000});
    for (auto text : {"\n", ":", "\"", "*", ".", " the", "he was", "", "ing", "Once upon a time, there was a little girl who liked to play.", "\xc3\xa9", ", "})
        if (chance(20)) s.breakers.push_back(text);
}

static llama_sampler *build(const settings &s, const llama_vocab *vocab, int vocabulary, unsigned seed) {
    auto chain = llama_sampler_chain_init(llama_sampler_chain_default_params());
    auto add = [&](llama_sampler *link) { if (link) llama_sampler_chain_add(chain, link); };
    std::vector<const char *> breakers;
    for (auto &text : s.breakers) breakers.push_back(text.c_str());
    for (auto &kind : s.order) {
        if (kind == "penalties") add(llama_sampler_init_penalties(vocabulary, s.last_n, s.repeat, s.frequency, s.presence));
        else if (kind == "dry") add(llama_sampler_init_dry(vocab, s.dry_multiplier, s.dry_base, s.dry_allowed, s.dry_last_n, breakers.data(), breakers.size()));
        else if (kind == "top_n_sigma") add(llama_sampler_init_top_n_sigma(s.sigma));
        else if (kind == "top_k") add(llama_sampler_init_top_k(s.top_k));
        else if (kind == "typical") add(llama_sampler_init_typical(s.typical, s.keep));
        else if (kind == "top_p") add(llama_sampler_init_top_p(s.top_p, s.keep));
        else if (kind == "min_p") add(llama_sampler_init_min_p(s.min_p, s.keep));
        else if (kind == "xtc") add(llama_sampler_init_xtc(s.xtc_p, s.xtc_t, s.keep, seed));
        else add(llama_sampler_init_temp_ext(s.temperature, s.range, s.exponent));
    }
    if (s.mirostat) llama_sampler_chain_add(chain, llama_sampler_init_temp(s.temperature));
    llama_sampler_chain_add(chain, s.mirostat == 1 ? llama_sampler_init_mirostat(vocabulary, seed, s.tau, s.eta, 100) :
        s.mirostat == 2 ? llama_sampler_init_mirostat_v2(seed, s.tau, s.eta) : llama_sampler_init_dist(seed));
    return chain;
}

// A probability of zero makes llama.cpp's locally typical sampler sort by NaN, whose outcome means nothing.
static bool is_undefined(const llama_sampler *link, const llama_token_data_array &all) {
    if (std::string(llama_sampler_name(link)) != "typical") return false;
    float best = -INFINITY, sum = 0, least = INFINITY;
    for (size_t i = 0; i < all.size; i++) best = std::max(best, all.data[i].logit);
    for (size_t i = 0; i < all.size; i++) sum += expf(all.data[i].logit - best);
    for (size_t i = 0; i < all.size; i++) least = std::min(least, expf(all.data[i].logit - best) / sum);
    return !(least > 0);
}

// Runs the links one by one; false at the first that is undefined.
static bool apply(llama_sampler *chain, llama_token_data_array &all) {
    for (int i = 0; i < llama_sampler_chain_n(chain); i++) {
        auto link = llama_sampler_chain_get(chain, i);
        if (is_undefined(link, all)) return false;
        llama_sampler_apply(link, &all);
    }
    return true;
}

// Random tokens in which pieces come again, as DRY looks for.
static std::vector<int> make_history(int length, int vocabulary) {
    std::vector<int> history;
    int alphabet = one_of({2, 5, 50, vocabulary});
    while ((int)history.size() < length) {
        if (history.size() > 4 && chance(40)) {
            int from = whole(0, (int)history.size() - 1), count = std::min(whole(1, 40), (int)history.size() - from);
            for (int i = 0; i < count; i++) history.push_back(history[from + i]);
        } else history.push_back(alphabet < vocabulary ? (whole(0, alphabet - 1) * 97 + 13) % vocabulary : whole(0, vocabulary - 1));
    }
    history.resize(length);
    return history;
}

template <typename T> static void list(const char *name, const std::vector<T> &values, const char *format) {
    printf("\"%s\":[", name);
    for (size_t i = 0; i < values.size(); i++) { if (i) putchar(','); printf(format, values[i]); }
    printf("]");
}

static bool are_finite(const std::vector<double> &values) {
    return std::all_of(values.begin(), values.end(), [](double value) { return std::isfinite(value); });
}

static void text_list(const char *name, const std::vector<std::string> &values) {
    printf("\"%s\":[", name);
    for (size_t i = 0; i < values.size(); i++) {
        printf(i ? ",\"" : "\"");
        for (char c : values[i]) if (c == '\n') printf("\\n"); else if (c == '"') printf("\\\""); else putchar(c);
        putchar('"');
    }
    printf("],");
}

int main(int argc, char **argv) {
    if (argc != 4) { fprintf(stderr, "reference MODEL SEED COUNT\n"); return 2; }
    llama_log_set([](ggml_log_level, const char *, void *) {}, nullptr);
    llama_backend_init();
    auto parameters = llama_model_default_params();
    parameters.vocab_only = true;
    auto model = llama_model_load_from_file(argv[1], parameters);
    if (!model) { fprintf(stderr, "%s cannot be loaded\n", argv[1]); return 1; }
    auto vocab = llama_model_get_vocab(model);
    generator.seed(std::stoul(argv[2]));
    for (int n = std::stoi(argv[3]); n > 0; n--) {
        settings s;
        int mirostat = chance(20) ? whole(1, 2) : 0;
        bool dry = !mirostat && chance(40);
        int vocabulary = dry ? llama_vocab_n_tokens(vocab) : one_of({2, 3, 10, 40, 200, 900});
        unsigned seed = generator();
        int kind = whole(0, 3);
        float scale = one_of({1.f, 5.f, 20.f, 100.f, 0.01f});
        if (mirostat) {
            s.mirostat = mirostat;
            s.temperature = one_of({1.f, 0.5f, 2.f, 0.1f});
            s.tau = chance(70) ? real(0.5f, 10) : one_of({0.f, 0.01f, 30.f, -1.f});
            s.eta = chance(70) ? real(0.01f, 1) : one_of({0.f, 5.f, -0.5f});
        } else draw(s, vocabulary, dry, kind == 2);
        auto history = make_history(chance(20) ? whole(0, 3) : whole(0, dry ? 200 : 100), vocabulary);
        auto chain = build(s, vocab, vocabulary, seed);
        printf("{\"vocabulary\":%d,\"seed\":%u,\"kind\":%d,\"scale\":%.9g,", vocabulary, seed, kind, scale);
        list("history", history, "%d");
        putchar(',');
        text_list("order", s.order);
        text_list("breakers", s.breakers);
        printf("\"temperature\":%.9g,\"range\":%.9g,\"exponent\":%.9g,\"top_k\":%d,\"keep\":%d,\"top_p\":%.9g,\"min_p\":%.9g,\"typical\":%.9g,\"sigma\":%.9g,\"xtc_p\":%.9g,\"xtc_t\":%.9g,",
            s.temperature, s.range, s.exponent, s.top_k, s.keep, s.top_p, s.min_p, s.typical, s.sigma, s.xtc_p, s.xtc_t);
        printf("\"last_n\":%d,\"repeat\":%.9g,\"frequency\":%.9g,\"presence\":%.9g,\"dry_multiplier\":%.9g,\"dry_base\":%.9g,\"dry_allowed\":%d,\"dry_last_n\":%d,\"mirostat\":%d,\"tau\":%.9g,\"eta\":%.9g,\"steps\":[",
            s.last_n, s.repeat, s.frequency, s.presence, s.dry_multiplier, s.dry_base, s.dry_allowed, s.dry_last_n, s.mirostat, s.tau, s.eta);
        for (int id : history) llama_sampler_accept(chain, id);
        for (int step = 0; step < (mirostat ? 20 : 2); step++) {
            std::vector<llama_token_data> data(vocabulary);
            for (int i = 0; i < vocabulary; i++) data[i] = {i, logit(seed + step, i, kind, scale), 0};
            llama_token_data_array all = {data.data(), data.size(), -1, false};
            if (!apply(chain, all)) break;
            int token = all.data[all.selected].id;
            llama_sampler_accept(chain, token);
            std::vector<llama_token_data> left(all.data, all.data + all.size);
            left.erase(std::remove_if(left.begin(), left.end(), [](auto &c) { return c.logit == -INFINITY; }), left.end());
            std::sort(left.begin(), left.end(), [](auto &a, auto &b) { return a.logit > b.logit; });
            std::vector<double> logits, probabilities;
            for (size_t i = 0; i < left.size() && i < (mirostat ? 1 : 6); i++) {
                logits.push_back(left[i].logit);
                probabilities.push_back(left[i].p);
            }
            if (!are_finite(logits) || !are_finite(probabilities)) break;
            printf("%s{\"count\":%zu,\"token\":%d,", step ? "," : "", left.size(), token);
            list("logits", logits, "%.9g");
            putchar(',');
            list("probabilities", probabilities, "%.9g");
            putchar('}');
        }
        printf("]}\n");
        llama_sampler_free(chain);
    }
    llama_model_free(model);
    return 0;
}
