using Abi.Compute.Formats;
using Abi.Compute.Graphs;
using Abi.Compute.Memory;
using Abi.Compute.Tensors;

namespace Abi.Compute.Tests.Cpu;

/// <summary>A graph around one operation, over random values: inputs are looked up by token id.</summary>
internal sealed class OperationCase
{
    /// <summary>The ids that inputs have values for.</summary>
    public const int Ids = 64;

    private readonly Action<GraphBuilder, OperationCase> _write;
    private Random _random = new(0);

    private OperationCase(string name, Action<GraphBuilder, OperationCase> write, double tolerance, TensorType cache, TensorType? values)
    {
        Name = name;
        _write = write;
        Tolerance = tolerance;
        CacheType = cache;
        ValueCacheType = values;
    }

    public string Name { get; }

    /// <summary>How far a result may be from the plain device's, of the greatest magnitude.</summary>
    public double Tolerance { get; }

    public TensorType CacheType { get; }

    public TensorType? ValueCacheType { get; }

    public override string ToString() => Name;

    /// <summary>The same graph every time.</summary>
    public Graph Build()
    {
        _random = new Random(Name.Length * 7919);
        var builder = new GraphBuilder();
        _write(builder, this);
        return builder.Build();
    }

    public static IEnumerable<OperationCase> All()
    {
        foreach (var width in (int[])[1, 16, 70, 517])
        {
            yield return Make($"embed {width}", (g, c) => g.AddOutput(g.Embed(c.Weight(width, Ids))), 0);
            yield return Make($"embed positions and a constant {width}", (g, c) => g.AddOutput(g.Add(g.EmbedPositions(c.Weight(width, 80), 3), g.EmbedConstant(c.Weight(width, 3), 1))), 0);
            yield return Make($"select outputs {width}", (g, c) => g.AddOutput(g.SelectOutputs(c.Input(g, width))), 0);
            yield return Make($"elements {width}", (g, c) =>
            {
                var x = g.Add(c.Input(g, width), c.Input(g, width));
                x = g.AddWeight(g.Multiply(x, c.Input(g, width)), c.Weight(width, 1));
                x = g.Scale(g.MultiplyWeight(x, c.Weight(width, 1)), 1.5f, 0.25f);
                g.AddOutput(g.Clamp(g.SoftCap(g.ScaleByPosition(x, 0.1f, 4, 1), 3), -2.5f, 2));
            }, 1e-6);
            yield return Make($"scaled by one weight {width}", (g, c) => g.AddOutput(g.MultiplyWeight(c.Input(g, width), c.Weight(1, 1))), 0);
            yield return Make($"norms {width}", (g, c) =>
            {
                g.AddOutput(g.RmsNorm(c.Input(g, width), 1e-5f, c.Weight(width, 1), c.Weight(width, 1)));
                g.AddOutput(g.LayerNorm(c.Input(g, width), 1e-5f, c.Weight(width, 1), c.Weight(width, 1)));
                g.AddOutput(g.L2Norm(c.Input(g, width), width, 1e-6f));
                g.AddOutput(g.Softmax(c.Input(g, width)));
            }, 3e-6);
            foreach (var kind in Enum.GetValues<ActivationKind>())
            {
                yield return Make($"{kind} {width}", (g, c) => g.AddOutput(g.Activate(g.Scale(c.Input(g, width), 4), kind, kind == ActivationKind.XIelu ? [0.7f, 0.9f, 0.5f, -1e-6f] : [])), 1e-6);
            }

            foreach (var kind in Enum.GetValues<GateKind>())
            {
                yield return Make($"{kind} {width}", (g, c) => g.AddOutput(g.Gate(g.Scale(c.Input(g, width), 4), c.Input(g, width), kind, kind == GateKind.SwiGluOai ? [1.702f, 3] : [])), 1e-6);
            }

            yield return Make($"products {width}", (g, c) =>
            {
                var x = c.Input(g, width);
                g.AddOutput(g.MatMul(x, c.Weight(width, 70), c.Weight(70, 1)));
                var gated = g.Gate(g.MatMul(x, c.Weight(width, 67)), g.MatMul(x, c.Weight(width, 67), c.Weight(67, 1)), GateKind.SwiGlu);
                g.AddOutput(g.Add(x, g.Scale(g.MatMul(gated, c.Weight(67, width)), 0.5f)));
            }, 3e-6);
        }

        foreach (var (width, groups) in ((int, int)[])[(24, 3), (96, 4), (130, 2)])
        {
            var part = width / groups;
            yield return Make($"norms of {groups} groups of {part}", (g, c) =>
            {
                g.AddOutput(g.RmsNorm(c.Input(g, width), 1e-5f, c.Weight(part, 1), null, part));
                g.AddOutput(g.RmsNorm(c.Input(g, width), 1e-5f, c.Weight(width, 1), c.Weight(part, 1), part));
                g.AddOutput(g.LayerNorm(c.Input(g, width), 1e-5f, c.Weight(width, 1), c.Weight(part, 1), part));
                g.AddOutput(g.L2Norm(c.Input(g, width), part, 1e-6f));
                g.AddOutput(g.Softmax(c.Input(g, width), part));
            }, 3e-6);
            yield return Make($"columns of {groups} groups of {part}", (g, c) =>
            {
                var (x, y) = (c.Input(g, width), c.Input(g, 5));
                g.AddOutput(g.Slice(x, 1, part - 2, groups));
                g.AddOutput(g.Concatenate([x, y, x], groups, [false, true, false]));
                g.AddOutput(g.Concatenate([x, y]));
                g.AddOutput(g.Repeat(x, 3, groups));
                g.AddOutput(g.Repeat(x, 2, groups, interleaved: false));
                g.AddOutput(g.Multiply(x, c.Input(g, groups)));
                g.AddOutput(g.MultiplyWeight(x, c.Weight(part, 1)));
            }, 0);
            yield return Make($"products of {groups} groups of {part}", (g, c) =>
            {
                g.AddOutput(g.GroupedMatMul(c.Input(g, width), c.Weight(part, 20, groups)));
                g.AddOutput(g.GroupedMatMul(c.Input(g, part), c.Weight(part, 20, groups)));
            }, 3e-6);
        }

        foreach (var pairing in Enum.GetValues<RopePairing>())
        {
            foreach (var (size, rotated, offset) in ((int, int, int)[])[(64, 64, 0), (20, 12, 4), (6, 2, 1)])
            {
                yield return Make($"rope {pairing} {size} {rotated} {offset}", (g, c) =>
                {
                    var settings = new RopeSettings { HeadSize = size, Rotated = rotated, Offset = offset, Pairing = pairing };
                    g.AddOutput(g.Rope(c.Input(g, 3 * size), settings));
                    g.AddOutput(g.Rope(g.Rope(c.Input(g, size), settings), settings with { Inverse = true }));
                    g.AddOutput(g.Rope(c.Input(g, size), settings with { FrequencyFactors = c.Positive(rotated / 2), FrequencyScale = 0.25f }));
                    g.AddOutput(g.Rope(c.Input(g, size), settings with { ExtrapolationFactor = 1, OriginalContext = 64, FrequencyScale = 0.25f }));
                }, 1e-6);
            }
        }

        foreach (var type in (TensorType[])[TensorType.Q4_0, TensorType.Q8_0, TensorType.F16])
        {
            yield return Make($"products of {type}", (g, c) =>
            {
                var x = c.Input(g, 96);
                g.AddOutput(g.MatMul(x, c.Weight(96, 33)));
                g.AddOutput(g.MatMul(g.Gate(g.MatMul(x, c.Encoded(type, 96, 64)), g.MatMul(x, c.Encoded(type, 96, 64)), GateKind.SwiGlu), c.Encoded(type, 64, 40)));
            }, 1e-5);
        }

        foreach (var kind in Enum.GetValues<PoolingKind>())
        {
            yield return Make($"pool {kind}", (g, c) => g.AddOutput(g.Pool(c.Input(g, 70), kind)), 1e-6);
        }

        foreach (var (heads, keyValueHeads, keySize, valueSize) in ((int, int, int, int)[])[(8, 2, 64, 64), (4, 4, 16, 24), (6, 2, 7, 5), (40, 1, 32, 48)])
        {
            var shape = new AttentionSettings { Heads = heads, Scale = 0.3f };
            var name = $"{heads} over {keyValueHeads} heads of {keySize} and {valueSize}";
            foreach (var (what, settings) in ((string, Func<OperationCase, AttentionSettings>)[])
            [
                ("plain", _ => shape),
                ("window", _ => shape with { Window = 37 }),
                ("chunked window", _ => shape with { Window = 24, ChunkedWindow = true }),
                ("cap, alibi and sinks", c => shape with { SoftCap = 2, AlibiMaxBias = 8, Sinks = c.Weight(heads, 1) }),
                ("relative", c => shape with { RelativeBias = c.Weight(heads, 32) }),
            ])
            {
                foreach (var (cache, values) in ((TensorType, TensorType)[])
                [
                    (TensorType.F32, TensorType.F32), (TensorType.F16, TensorType.F16), (TensorType.Q8_0, TensorType.Q8_0), (TensorType.Q4_0, TensorType.Q4_0), (TensorType.Q8_0, TensorType.F16), (TensorType.F32, TensorType.Q4_0),
                ])
                {
                    if (cache != values && what != "plain")
                    {
                        continue;
                    }

                    yield return Make($"attend {what}, {name}, {cache} and {values}", (g, c) =>
                    {
                        var layer = g.AddCacheLayer(keyValueHeads, keySize, valueSize);
                        var queries = c.Input(g, heads * keySize);
                        g.Store(c.Input(g, keyValueHeads * keySize), c.Input(g, keyValueHeads * valueSize), layer);
                        g.AddOutput(g.Attend(queries, layer, settings(c)));
                    }, 3e-6, cache, values);
                }
            }

            foreach (var within in (AttentionSettings[])[shape, shape with { Window = 10 }, shape with { AlibiMaxBias = 4 }])
            {
                yield return Make($"attend within {within.Window} {within.AlibiMaxBias}, {name}", (g, c) => g.AddOutput(
                    g.AttendWithin(c.Input(g, heads * keySize), c.Input(g, keyValueHeads * keySize), c.Input(g, keyValueHeads * valueSize), keyValueHeads, within)), 3e-6);
            }
        }

        foreach (var (experts, used) in ((int, int)[])[(8, 2), (5, 5), (4, 1)])
        {
            foreach (var score in Enum.GetValues<RouteScore>())
            {
                yield return Make($"experts {used} of {experts} by {score}", (g, c) =>
                {
                    var x = c.Input(g, 40);
                    var route = g.Route(c.Input(g, experts), new RouteSettings { Experts = experts, Used = used, Score = score, Normalize = used > 1, Scale = 1.5f });
                    g.AddOutput(route);
                    var gated = g.Gate(g.ExpertMatMul(x, route, c.Weight(40, 36, experts)), g.ExpertMatMul(x, route, c.Weight(40, 36, experts), c.Weight(36, experts)), GateKind.GeGlu);
                    var down = g.ExpertMatMul(gated, route, c.Weight(36, 40, experts), c.Weight(40, experts));
                    g.AddOutput(g.ExpertSum(down, route, weighted: true, c.Weight(experts, 1)));
                    g.AddOutput(g.ExpertScale(x, route, 40));
                    g.AddOutput(g.ExpertScale(down, route, 40));
                    g.AddOutput(g.ExpertSum(down, route, weighted: false));
                }, 3e-6);
            }
        }

        yield return Make("experts by groups with a bias", (g, c) => g.AddOutput(g.Route(c.Input(g, 12), new RouteSettings
        {
            Experts = 12, Used = 3, Score = RouteScore.Sigmoid, SelectionBias = c.Weight(12, 1), Groups = 4, GroupsUsed = 2,
        })), 3e-6);

        yield return Make("experts by chunks", (g, c) => g.AddOutput(g.Route(c.Input(g, 12), new RouteSettings { Experts = 12, Used = 4, ExpertsPerChunk = 3, Normalize = true })), 3e-6);

        foreach (var (heads, size) in ((int, int)[])[(3, 16), (2, 10)])
        {
            var width = heads * size;
            yield return Make($"convolve {width}", (g, c) =>
            {
                g.AddOutput(g.Convolve(c.Input(g, width), c.Weight(4, width), c.Weight(width, 1)));
                g.AddOutput(g.Convolve(c.Input(g, width), c.Weight(1, width), null));
            }, 3e-6);
            yield return Make($"shift {width}", (g, c) => g.AddOutput(g.ShiftRows(c.Input(g, width))), 0);
            yield return Make($"selective scan {width}", (g, c) => g.AddOutput(
                g.SelectiveScan(c.Input(g, width), c.Between(g, width, 0, 1), c.Input(g, size), c.Input(g, size), c.Negative(size, width), c.Weight(width, 1))), 3e-6);
            yield return Make($"head scan {heads} of {size}", (g, c) => g.AddOutput(
                g.HeadScan(c.Input(g, width), c.Between(g, heads, 0, 1), c.Input(g, 20), c.Input(g, 20), c.Negative(1, heads), c.Weight(1, heads), 1)), 3e-6);
            yield return Make($"wkv6 {heads} of {size}", (g, c) => g.AddOutput(
                g.Wkv6(c.Input(g, width), c.Input(g, width), c.Input(g, width), c.Between(g, width, 0.3f, 0.9f), c.Weight(width, 1), size)), 3e-6);
            yield return Make($"wkv7 {heads} of {size}", (g, c) => g.AddOutput(g.Wkv7(
                c.Input(g, width), c.Between(g, width, 0.3f, 0.9f), c.Input(g, width), c.Input(g, width), c.Between(g, width, -0.2f, 0.2f), c.Between(g, width, -0.2f, 0.2f), size)), 5e-6);
            yield return Make($"delta scan {heads} of {size}", (g, c) =>
            {
                var (q, k) = (g.L2Norm(c.Input(g, width), size, 1e-6f), g.L2Norm(c.Input(g, width), size, 1e-6f));
                g.AddOutput(g.DeltaScan(q, k, c.Input(g, heads * 24), c.Between(g, heads, -1, 0), c.Between(g, heads, 0, 1), heads, 0.25f));
                g.AddOutput(g.DeltaScan(q, k, c.Input(g, heads * 24), c.Between(g, width, -1, 0), c.Between(g, heads, 0, 1), heads, 0.25f));
            }, 5e-6);
            yield return Make($"gated linear scan {heads} of {size}", (g, c) => g.AddOutput(
                g.GatedLinearScan(c.Input(g, width), c.Input(g, width), c.Input(g, width), c.Between(g, width, 0.3f, 0.9f), size, 0.5f)), 3e-6);
        }
    }

    private static OperationCase Make(string name, Action<GraphBuilder, OperationCase> write, double tolerance, TensorType cache = TensorType.F32, TensorType? values = null) =>
        new(name, write, tolerance, cache, values);

    private Value Input(GraphBuilder graph, int width) => graph.Embed(Weight(width, Ids));

    private Value Between(GraphBuilder graph, int width, float low, float high) => graph.Embed(Random([width, Ids], low, high));

    private WeightTensor Weight(params long[] shape) => Random(shape, -1, 1);

    private WeightTensor Encoded(TensorType type, int columns, int rows)
    {
        var floats = Weight(columns, rows);
        var format = BlockFormat.Get(type);
        var buffer = new NativeBuffer(format.RowBytes(columns) * rows);
        for (var row = 0; row < rows; row++)
        {
            var values = new float[columns];
            floats.DecodeRow(row, values);
            var bytes = new byte[format.RowBytes(columns)];
            format.Encode(values, default, bytes);
            System.Runtime.InteropServices.Marshal.Copy(bytes, 0, buffer.Address + (nint)(row * format.RowBytes(columns)), bytes.Length);
        }

        return new WeightTensor("w", type, [columns, rows], buffer, 0);
    }

    private WeightTensor Positive(int count) => Random([count], 0.5f, 2);

    private WeightTensor Negative(params long[] shape) => Random(shape, -2, -0.1f);

    private WeightTensor Random(long[] shape, float low, float high)
    {
        var values = new float[shape.Aggregate(1L, (a, b) => a * b)];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = low + ((high - low) * _random.NextSingle());
        }

        return WeightTensor.FromFloats("w", shape, values);
    }
}
