# A random LoRA adapter (GGUF) of a small model, for the tensors that are named.
#   make_adapter.py MODEL.gguf OUT.gguf RANK ALPHA SEED NAME...
import sys
import numpy
from gguf import GGUFReader, GGUFWriter

model, out, rank, alpha, seed = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5])
reader = GGUFReader(model)
architecture = bytes(reader.fields["general.architecture"].parts[-1]).decode()
writer = GGUFWriter(out, architecture)
writer.add_string("general.type", "adapter")
writer.add_string("adapter.type", "lora")
writer.add_float32("adapter.lora.alpha", alpha)
random = numpy.random.default_rng(seed)
draw = lambda *shape: random.normal(0, 0.35, shape).astype(numpy.float32)
shapes = {tensor.name: [int(length) for length in tensor.shape] for tensor in reader.tensors}
for name in sys.argv[6:]:
    columns, rows, *experts = shapes[name]
    if name == "token_embd.weight":
        a, b = draw(rows, rank), draw(columns, rank)  # A is gathered by row, B multiplied with
    else:
        a, b = draw(*experts, rank, columns), draw(*experts, rows, rank)
    writer.add_tensor(name + ".lora_a", a)
    writer.add_tensor(name + ".lora_b", b)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
