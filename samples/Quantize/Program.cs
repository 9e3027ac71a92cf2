// Makes smaller files of a model and shows what each costs: bytes, and how much less likely it finds what the model itself wrote.
// One quantises the original weights; this repository has only the Q8_0 file, so quantising again is allowed here.
using Abi.Llm;
using Abi.Llm.Engine;
using Abi.Llm.Quantization;
using Abi.Llm.Sampling;
using Abi.Models.Stories;

const int Length = 128;
var stories = new List<int>();
await using (var original = await LanguageModel.LoadAsync(StoriesModel.Path))
{
    var plain = new SamplingOptions { Temperature = 1, TopK = 0, TopP = 1, MinP = 0 };
    var options = new GenerationOptions { MaximumTokens = Length - 8, IgnoreEndOfGeneration = true };
    string[] beginnings = ["Once upon a time", "One day, Tom", "There was a big", "Lily and Ben"];
    var results = await Task.WhenAll(beginnings.Select((text, i) => original.CompleteAsync(text, options with { Sampling = plain with { Seed = i } })));
    foreach (var (text, result) in beginnings.Zip(results))
    {
        stories.AddRange([.. original.Encode(text), .. result.Tokens.Select(token => token.Id)]);
    }
}

var folder = Directory.CreateTempSubdirectory("abi-quantize-");
foreach (var name in new[] { "Q8_0", "Q6_K", "Q4_K_M", "Q4_0", "Q3_K_M", "Q2_K" })
{
    var path = Path.Combine(folder.FullName, $"stories-{name}.gguf");
    var tensors = ModelQuantizer.Quantize(StoriesModel.Path, path, QuantizationTarget.Parse(name), new ModelQuantizerOptions { AllowRequantize = true });
    var types = tensors.GroupBy(tensor => tensor.To).OrderByDescending(group => group.Sum(tensor => tensor.BytesAfter)).Select(group => $"{group.Count()} {group.Key}");
    await using var model = await LanguageModel.LoadAsync(path);
    var result = await Perplexity.ComputeAsync(model, stories.ToArray(), Length);
    Console.WriteLine($"{name,-7}{new FileInfo(path).Length / 1e6,6:F2} MB  perplexity {result.Value:F2}  ({string.Join(", ", types)})");
}

folder.Delete(recursive: true);
