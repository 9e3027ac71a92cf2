using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Compute.Graphs;
using Abi.Compute.Scalar;
using Abi.Compute.Tensors;
using Abi.Testing;

namespace Abi.Compute.Tests.Scalar;

/// <summary>Operations of the plain device beside PyTorch's forward results.</summary>
public sealed class ScalarDeviceTests
{
    [TestCase("silu", ActivationKind.Silu)]
    [TestCase("gelu_tanh", ActivationKind.Gelu)]
    [TestCase("gelu_erf", ActivationKind.GeluErf)]
    [TestCase("relu_squared", ActivationKind.ReluSquared)]
    public void ActivationsEqualPyTorch(string name, ActivationKind kind)
    {
        var data = Load(name);
        Check(data, Run(data["x"], (graph, x) => graph.Activate(x, kind)));
    }

    [TestCase("swiglu", GateKind.SwiGlu)]
    [TestCase("geglu_tanh", GateKind.GeGlu)]
    public void GatesEqualPyTorch(string name, GateKind kind)
    {
        var data = Load(name);
        Check(data, Run(data["gate"], (graph, x) => graph.Gate(x, graph.Embed(Weight(data["up"])), kind)));
    }

    [TestCase("rmsnorm")]
    [TestCase("rmsnorm_tiny_values")]
    public void RmsNormEqualsPyTorch(string name)
    {
        var data = Load(name);
        Check(data, Run(data["x"], (graph, x) => graph.RmsNorm(x, data["eps"].Values[0], Weight(data["w"]))));
    }

    [Test]
    public void LayerNormEqualsPyTorch()
    {
        var data = Load("layernorm");
        Check(data, Run(data["x"], (graph, x) => graph.LayerNorm(x, data["eps"].Values[0], Weight(data["w"]), Weight(data["b"]))));
    }

    [Test]
    public void SoftmaxEqualsPyTorch()
    {
        var data = Load("softmax");
        Check(data, Run(data["x"], (graph, x) => graph.Softmax(x)));
    }

    [TestCase("linear")]
    [TestCase("linear_bias")]
    public void MatMulEqualsPyTorch(string name)
    {
        var data = Load(name);
        Check(data, Run(data["x"], (graph, x) => graph.MatMul(x, Weight(data["w"]), data.TryGetValue("b", out var bias) ? Weight(bias) : null)));
    }

    [TestCase("rope_interleaved", RopePairing.Neighbours)]
    [TestCase("rope_interleaved_partial", RopePairing.Neighbours)]
    [TestCase("rope_halves", RopePairing.Halves)]
    [TestCase("rope_halves_theta1e6", RopePairing.Halves)]
    public void RopeEqualsPyTorch(string name, RopePairing pairing)
    {
        var data = Load(name);
        var (shape, x) = data["x"]; // [batch, heads, time, head size]
        var settings = new RopeSettings { HeadSize = shape[3], Rotated = (int)data["rotary_dims"].Values[0], Pairing = pairing, FrequencyBase = data["theta"].Values[0] };
        var rows = (new[] { shape[0] * shape[2], shape[1] * shape[3] }, HeadsTogether(shape, x));
        var result = Run(rows, (graph, value) => graph.Rope(value, settings), position => (int)data["positions"].Values[position], shape[2]);
        Assert.That(result, Is.EqualTo(HeadsTogether(shape, data["out"].Values)).Within(2e-5));
    }

    [TestCase("attention_causal", 0)]
    [TestCase("attention_causal_gqa", 0)]
    [TestCase("attention_window4_gqa", 4)]
    public void AttentionEqualsPyTorch(string name, int window)
    {
        var data = Load(name);
        var (q, k, v) = (data["q"], data["k"], data["v"]);
        var (batch, heads, time, size, kvHeads) = (q.Shape[0], q.Shape[1], q.Shape[2], q.Shape[3], k.Shape[1]);
        var graph = new GraphBuilder();
        var layer = graph.AddCacheLayer(kvHeads, size, size);
        var queries = graph.Embed(Weight(([batch * time, heads * size], HeadsTogether(q.Shape, q.Values))));
        graph.Store(graph.Embed(Weight(([batch * time, kvHeads * size], HeadsTogether(k.Shape, k.Values)))), graph.Embed(Weight(([batch * time, kvHeads * size], HeadsTogether(v.Shape, v.Values)))), layer);
        var output = graph.Attend(queries, layer, new AttentionSettings { Heads = heads, Scale = 1 / MathF.Sqrt(size), Window = window });
        graph.AddOutput(output);
        var built = graph.Build();
        using var device = new ScalarDevice();
        using var plan = device.Lower(built, new LoweringOptions());
        using var state = device.CreateState(built.State, new StateOptions { Pages = batch, CacheType = TensorType.F32 });

        var step = new StepInputs();
        for (var b = 0; b < batch; b++)
        {
            step.AddSequence().SetPages(0, [b], time);
            for (var t = 0; t < time; t++)
            {
                step.AddRow((b * time) + t, t, wantsOutput: true);
            }
        }

        plan.Run(step, state);
        Assert.That(plan.Read(output).ToArray(), Is.EqualTo(HeadsTogether(q.Shape, data["out"].Values)).Within(1e-5));
    }

    [Test]
    public void EmbeddingRowsAreTheTables()
    {
        var data = Load("embedding");
        var ids = data["ids"].Values;
        Check(data, Run(data["table"], (_, x) => x, ids: [.. ids.Select(id => (int)id)]));
    }

    [Test]
    public void ACancelledStepLeavesRecurrentStateAsItWas()
    {
        var graph = new GraphBuilder();
        var x = graph.Embed(Weight(([4, 2], [1, 2, 3, 4, 5, 6, 7, 8])));
        graph.NextBlock();
        graph.AddOutput(graph.ShiftRows(x));
        var built = graph.Build();
        using var device = new ScalarDevice();
        using var plan = device.Lower(built, new LoweringOptions());
        using var state = device.CreateState(built.State, new StateOptions { Pages = 0, RecurrentSlots = 1 });
        var step = new StepInputs();
        step.AddSequence().Slot = 0;
        step.AddRow(3, 0, wantsOutput: false);
        plan.Run(step, state);
        Assert.That(() => plan.Run(step, state, new CancellationToken(canceled: true)), Throws.InstanceOf<OperationCanceledException>());

        step.Clear();
        step.AddSequence().Slot = 0;
        step.AddRow(0, 1, wantsOutput: false);
        plan.Run(step, state);
        Assert.That(plan.Read(built.Outputs[0]).ToArray(), Is.EqualTo(new float[] { 7, 8 }));
    }

    private static Dictionary<string, (int[] Shape, float[] Values)> Load(string name) => NpzFile.Read(Fixtures.Path("gradients", $"op_{name}.npz"));

    private static WeightTensor Weight((int[] Shape, float[] Values) array) =>
        WeightTensor.FromFloats("w", [.. array.Shape.Reverse().Select(n => (long)n)], array.Values);

    private static void Check(Dictionary<string, (int[] Shape, float[] Values)> data, float[] result)
    {
        var expected = data["out"].Values;
        var largest = expected.Max(MathF.Abs);
        Assert.That(result, Is.EqualTo(expected).Within(2e-6 * largest));
    }

    /// <summary>Runs a graph whose input rows are the rows of an array: they are looked up as embeddings.</summary>
    private static float[] Run((int[] Shape, float[] Values) input, Func<GraphBuilder, Value, Value> write, Func<int, int>? position = null, int sequenceLength = int.MaxValue, int[]? ids = null)
    {
        var graph = new GraphBuilder();
        var output = write(graph, graph.Embed(Weight(input)));
        graph.AddOutput(output);
        using var device = new ScalarDevice();
        using var plan = device.Lower(graph.Build(), new LoweringOptions());
        var step = new StepInputs();
        ids ??= [.. Enumerable.Range(0, input.Shape[0])];
        for (var row = 0; row < ids.Length; row++)
        {
            if (row % sequenceLength == 0)
            {
                step.AddSequence();
            }

            step.AddRow(ids[row], position?.Invoke(row % sequenceLength) ?? row, wantsOutput: false);
        }

        plan.Run(step, null);
        return plan.Read(output).ToArray();
    }

    /// <summary>[batch, heads, time, size] → [batch × time, heads × size].</summary>
    private static float[] HeadsTogether(int[] shape, float[] values)
    {
        var (batch, heads, time, size) = (shape[0], shape[1], shape[2], shape[3]);
        var result = new float[values.Length];
        for (var i = 0; i < values.Length; i++)
        {
            var (b, h, t, d) = (i / (heads * time * size), i / (time * size) % heads, i / size % time, i % size);
            result[(((b * time) + t) * heads * size) + (h * size) + d] = values[i];
        }

        return result;
    }
}
