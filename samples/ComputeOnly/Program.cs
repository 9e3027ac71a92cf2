// A Llama, written out: the forward pass of the story model with nothing but Abi.Compute's operations, and a greedy loop around it.
// The library does the same from a table of architectures; this file shows what is behind it.
using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Compute.Graphs;
using Abi.Compute.Scalar;
using Abi.Llm.Gguf;
using Abi.Llm.Tokenizers;
using Abi.Models.Stories;

using var file = GgufFile.Open(StoriesModel.Path);
var tokenizer = Tokenizer.FromMetadata(file.Metadata);
int Number(string key) => file.Metadata.GetInt32("llama." + key);
var heads = Number("attention.head_count");
var keyHeads = Number("attention.head_count_kv");
var headSize = Number("embedding_length") / heads;
var epsilon = file.Metadata.GetSingle("llama.attention.layer_norm_rms_epsilon");
var rope = new RopeSettings { HeadSize = headSize, Rotated = headSize, FrequencyBase = 10000, Pairing = RopePairing.Neighbours };

// The graph: values are [rows, width] matrices; rows are the tokens of a step, however many there are.
var g = new GraphBuilder();
var x = g.Embed(file.GetTensor("token_embd.weight"));
for (var block = 0; block < Number("block_count"); block++)
{
    g.NextBlock();
    Abi.Compute.Tensors.WeightTensor W(string name) => file.GetTensor($"blk.{block}.{name}.weight");

    var a = g.RmsNorm(x, epsilon, W("attn_norm"));
    var cache = g.AddCacheLayer(keyHeads, headSize, headSize);
    g.Store(g.Rope(g.MatMul(a, W("attn_k")), rope), g.MatMul(a, W("attn_v")), cache);
    var attended = g.Attend(g.Rope(g.MatMul(a, W("attn_q")), rope), cache, new AttentionSettings { Heads = heads, Scale = 1 / MathF.Sqrt(headSize) });
    x = g.Add(x, g.MatMul(attended, W("attn_output")));

    var f = g.RmsNorm(x, epsilon, W("ffn_norm"));
    x = g.Add(x, g.MatMul(g.Gate(g.MatMul(f, W("ffn_gate")), g.MatMul(f, W("ffn_up")), GateKind.SwiGlu), W("ffn_down")));
}

var last = g.SelectOutputs(g.RmsNorm(x, epsilon, file.GetTensor("output_norm.weight")));
var logits = g.MatMul(last, file.FindTensor("output.weight") ?? file.GetTensor("token_embd.weight"), name: "logits");
g.AddOutput(logits);
var graph = g.Build();

// A device lowers it to a plan that is replayed for every step; the state is pages of 32 positions.
using var device = new ScalarDevice();
using var plan = device.Lower(graph, new LoweringOptions { Activations = ActivationPrecision.Exact });
using var state = device.CreateState(graph.State, new StateOptions { Pages = 4, CacheType = TensorType.F32 });
int[] pages = [0, 1, 2, 3];
var text = tokenizer.Encode("Once upon a time").ToList();
var step = new StepInputs();
for (var done = 0; text.Count < 40;)
{
    step.Clear();
    step.AddSequence().SetPages(0, pages, text.Count);
    for (; done < text.Count; done++)
    {
        step.AddRow(text[done], done, wantsOutput: done == text.Count - 1);
    }

    plan.Run(step, state);
    var row = plan.Read(logits);
    text.Add(row.IndexOf(System.Numerics.Tensors.TensorPrimitives.Max(row)));
}

Console.WriteLine(tokenizer.Decode([.. text], removeSpecial: true));
