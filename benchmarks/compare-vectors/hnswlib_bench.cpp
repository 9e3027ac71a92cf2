// hnswlib's headers on a data set, for benchmarks/compare-vectors. Reads commands from standard input, a line each, and answers each with a line of JSON.
//   load BASE QUERIES TRUTH METRIC      raw little-endian float32/int32 files with a first line "rows columns"; METRIC: cos | l2; BASE may be - when an index is opened
//   build M EFC THREADS                 seconds, CPU seconds, resident bytes
//   save FILE | open FILE               the index
//   search EF ROUNDS                    queries a second (one thread) and recall@10
//   scan ROUNDS                         queries a second of a plain loop over all rows
#include <hnswlib/hnswlib.h>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iostream>
#include <memory>
#include <queue>
#include <sstream>
#include <string>
#include <thread>
#include <vector>
#include <unistd.h>

template <class T> static std::vector<T> read(const std::string &path, size_t &rows, size_t &columns) {
    std::ifstream in(path, std::ios::binary);
    in >> rows >> columns;
    in.get();
    std::vector<T> values(rows * columns);
    in.read(reinterpret_cast<char *>(values.data()), values.size() * sizeof(T));
    return values;
}

static double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

static double cpu() { timespec t; clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); return t.tv_sec + t.tv_nsec * 1e-9; }

static size_t resident() {
    size_t total = 0, pages = 0;
    std::ifstream("/proc/self/statm") >> total >> pages;
    return pages * sysconf(_SC_PAGESIZE);
}

static void normalise(std::vector<float> &v, size_t columns) {
    for (size_t i = 0; i < v.size(); i += columns) {
        double sum = 0;
        for (size_t j = 0; j < columns; j++) sum += double(v[i + j]) * v[i + j];
        float inverse = float(1 / std::sqrt(sum));
        for (size_t j = 0; j < columns; j++) v[i + j] *= inverse;
    }
}

int main() {
    std::vector<float> base, queries;
    std::vector<int> truth;
    size_t n = 0, d = 0, q = 0, k = 0, qd = 0, tq = 0;
    std::unique_ptr<hnswlib::SpaceInterface<float>> space;
    std::unique_ptr<hnswlib::HierarchicalNSW<float>> index;
    std::string line, command;
    while (std::getline(std::cin, line)) {
        std::istringstream in(line);
        in >> command;
        if (command == "load") {
            std::string b, qs, t, metric;
            in >> b >> qs >> t >> metric;
            queries = read<float>(qs, q, qd);
            if (b == "-") d = qd;
            else base = read<float>(b, n, d);
            truth = read<int>(t, tq, k);
            if (metric == "cos") {
                normalise(base, d);
                normalise(queries, d);
                space.reset(new hnswlib::InnerProductSpace(d));
            } else {
                space.reset(new hnswlib::L2Space(d));
            }
            printf("{\"rows\":%zu,\"dimensions\":%zu}\n", n, d);
        } else if (command == "build") {
            int m, efc, threads;
            in >> m >> efc >> threads;
            index.reset();
            size_t before = resident();
            double start = now(), cpuStart = cpu();
            index.reset(new hnswlib::HierarchicalNSW<float>(space.get(), n, m, efc));
            index->addPoint(base.data(), 0);
            std::atomic<size_t> next(1);
            std::vector<std::thread> team;
            for (int t = 0; t < threads; t++)
                team.emplace_back([&] { for (size_t i; (i = next++) < n;) index->addPoint(base.data() + i * d, i); });
            for (auto &t : team) t.join();
            printf("{\"seconds\":%.4f,\"cpu\":%.4f,\"resident\":%zu}\n", now() - start, cpu() - cpuStart, resident() - before);
        } else if (command == "save" || command == "open") {
            std::string file;
            in >> file;
            if (command == "save") index->saveIndex(file);
            else index.reset(new hnswlib::HierarchicalNSW<float>(space.get(), file));
            printf("{\"resident\":%zu}\n", resident());
        } else if (command == "search") {
            int ef, rounds;
            in >> ef >> rounds;
            index->setEf(ef);
            size_t hits = 0;
            double best = 1e30;
            for (int r = 0; r < rounds; r++) {
                hits = 0;
                double start = cpu();
                for (size_t i = 0; i < q; i++) {
                    auto found = index->searchKnn(queries.data() + i * d, 10);
                    for (; !found.empty(); found.pop())
                        for (size_t j = 0; j < 10; j++) hits += truth[i * k + j] == (int)found.top().second;
                }
                best = std::min(best, cpu() - start);
            }
            printf("{\"qps\":%.1f,\"recall\":%.5f}\n", q / best, hits / (10.0 * q));
        } else if (command == "scan") {
            int rounds;
            in >> rounds;
            auto distance = space->get_dist_func();
            auto parameter = space->get_dist_func_param();
            size_t some = std::min<size_t>(q, 200);
            double best = 1e30, sum = 0;
            for (int r = 0; r < rounds; r++) {
                double start = cpu();
                for (size_t i = 0; i < some; i++) {
                    std::priority_queue<std::pair<float, int>> top;
                    for (size_t j = 0; j < n; j++) {
                        float x = distance(queries.data() + i * d, base.data() + j * d, parameter);
                        if (top.size() < 10) top.emplace(x, (int)j);
                        else if (x < top.top().first) { top.pop(); top.emplace(x, (int)j); }
                    }
                    sum += top.top().first;
                }
                best = std::min(best, cpu() - start);
            }
            printf("{\"qps\":%.1f,\"check\":%.3f}\n", some / best, sum);
        }
        fflush(stdout);
    }
}
