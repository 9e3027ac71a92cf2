"""faiss on a set that compare-vectors has written (SCRATCH/SET.base, .queries, .truth), cosine. One process builds, another searches, which can be given little memory.

    faiss_bench.py build SCRATCH/SET INDEX hnsw|ivf     M = 16, efConstruction = 200; or 1,024 cells
    faiss_bench.py search SCRATCH/SET INDEX             the index mapped, 500 queries, ten nearest, one thread, the best of four rounds
"""

import sys
import time

import faiss
import numpy


def read(path, kind):
    with open(path, "rb") as file:
        rows, columns = map(int, file.readline().split())
        return numpy.fromfile(file, kind).reshape(rows, columns)


def vectors(path):
    values = read(path, numpy.float32)
    faiss.normalize_L2(values)
    return values


def field(path, name):
    with open(path) as file:
        return next(int(line.split()[1]) for line in file if line.startswith(name))


def build(stem, path, kind):
    base = vectors(stem + ".base")
    if kind == "hnsw":
        index = faiss.IndexHNSWFlat(base.shape[1], 16, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = 200
    else:
        index = faiss.index_factory(base.shape[1], "IVF1024,Flat", faiss.METRIC_INNER_PRODUCT)
        index.train(base)
    index.add(base)
    faiss.write_index(index, path)


def search(stem, path):
    faiss.omp_set_num_threads(1)
    queries, truth = vectors(stem + ".queries")[:500], read(stem + ".truth", numpy.int32)[:500, :10]
    index = faiss.read_index(path, faiss.IO_FLAG_MMAP_IFC if "hnsw" in path else faiss.IO_FLAG_MMAP)
    for effort in (16, 32, 64, 128, 256, 512):
        if "hnsw" in path:
            index.hnsw.efSearch = effort
        else:
            index.nprobe = effort // 4
        best = 1e9
        for _ in range(4):
            before, start = field("/proc/self/io", "read_bytes:"), time.perf_counter()
            found = numpy.vstack([index.search(queries[i : i + 1], 10)[1] for i in range(len(queries))])
            seconds, read_bytes = time.perf_counter() - start, field("/proc/self/io", "read_bytes:") - before
            best = min(best, seconds)
            if seconds > 15:
                break
        hits = sum(len(set(a) & set(b)) for a, b in zip(found.tolist(), truth.tolist()))
        print(
            f"effort {effort:4}: recall {hits / truth.size:.4f}, {len(queries) / best:.0f} queries/s; read {read_bytes / 1024 / len(queries):.0f} KiB a query in the last; "
            f"private {field('/proc/self/status', 'RssAnon:') // 1024} MiB, mapped {field('/proc/self/status', 'RssFile:') // 1024} MiB",
            flush=True,
        )


if __name__ == "__main__":
    {"build": build, "search": search}[sys.argv[1]](*sys.argv[2:])
