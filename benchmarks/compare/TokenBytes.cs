using Abi.Llm.Gguf;
using Abi.Llm.Models;

namespace Abi.Compare;

/// <summary>What decoding reads for a token: the weights, less an input embedding that is not the output head too, and half-precision keys and values.</summary>
internal static class TokenBytes
{
    public static double Of(string model, BenchTest test)
    {
        using var file = GgufFile.Open(model);
        var isTied = file.FindTensor("output.weight") is null;
        var weights = file.Tensors.Where(tensor => isTied || tensor.Name != "token_embd.weight").Sum(tensor => tensor.ByteLength);
        var position = ModelDefinition.Create(file).State.Cache.Sum(layer => 2L * layer.Heads * (layer.KeySize + layer.ValueSize));
        return weights + (position * (test.Depth + (test.Generate / 2.0)));
    }
}
