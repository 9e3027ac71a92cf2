"""A control vector of random directions, written with llama.cpp's own Python package as llama-cvector-generator writes one: tensors direction.1 to direction.N-1.
    python3 make_vector.py WIDTH LAYERS SIZE OUT.gguf
"""
import sys
import numpy
import gguf

width, layers, size, path = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
writer = gguf.GGUFWriter(path, "controlvector")
writer.add_string("controlvector.model_hint", "llama")
writer.add_uint32("controlvector.layer_count", layers - 1)
random = numpy.random.RandomState(7)
for layer in range(1, layers):
    writer.add_tensor(f"direction.{layer}", (size * random.standard_normal(width)).astype(numpy.float32))
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
