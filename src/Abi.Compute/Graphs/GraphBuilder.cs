using System.Collections.Immutable;
using Abi.Compute.Tensors;

namespace Abi.Compute.Graphs;

/// <summary>Writes a <see cref="Graph"/>, operation by operation; shapes are checked as they are written.</summary>
/// <remarks>For one thread. Names that are not given are made of the block and the operation.</remarks>
public sealed class GraphBuilder
{
    /// <summary>The most columns of a value and floats of a state: far above every model's, and small enough that sums of several fit into an int.</summary>
    private const int MostColumns = 1 << 26;

    /// <summary>The most columns of one head: as many for each query of a tile fit into an int.</summary>
    private const int MostHeadColumns = 1 << 22;

    private readonly List<Value> _values = [];
    private readonly List<Operation> _operations = [];
    private readonly List<Value> _outputs = [];
    private readonly List<CacheLayer> _cache = [];
    private readonly List<RecurrentLayer> _recurrent = [];
    private readonly List<GraphPoint> _points = [];
    private readonly HashSet<string> _names = new(StringComparer.Ordinal);
    private int _block = -1;
    private bool _isBehindBlocks;

    /// <summary>Starts the next block.</summary>
    public void NextBlock() => _block++;

    /// <summary>Ends the last block; what follows is the head.</summary>
    public void EndBlocks()
    {
        _block++;
        _isBehindBlocks = true;
    }

    /// <summary>Declares a layer of positional state.</summary>
    /// <exception cref="ModelFormatException">It would have no heads or columns, or more than any model has.</exception>
    public CacheLayer AddCacheLayer(int heads, int keySize, int valueSize, int group = 0, int window = 0)
    {
        var layer = new CacheLayer(_cache.Count, group, heads, keySize, valueSize, window);
        RequireHeads(layer, heads, keySize, valueSize);
        _cache.Add(layer);
        return layer;
    }

    /// <summary>Makes the layers of another graph part of this one's state, with the same numbers (an encoder and a decoder share one state).</summary>
    public void ShareState(StateLayout layout)
    {
        ArgumentNullException.ThrowIfNull(layout);
        _cache.AddRange(layout.Cache);
        _recurrent.AddRange(layout.Recurrent);
    }

    /// <summary>Declares a layer of recurrent state.</summary>
    public RecurrentLayer AddRecurrentLayer(long floats)
    {
        Require(floats is >= 0 and <= MostColumns, $"recurrent layer {_recurrent.Count}", $"needs a state of {floats} floats; {MostColumns} are the most");
        var layer = new RecurrentLayer(_recurrent.Count, (int)floats);
        _recurrent.Add(layer);
        return layer;
    }

    /// <summary>Lets callers read a value after each step.</summary>
    public void AddOutput(Value value)
    {
        ArgumentNullException.ThrowIfNull(value);
        value.IsObserved = true;
        _outputs.Add(value);
    }

    /// <summary>Names a place that hooks may look into: a value of token or output rows that an operation made.</summary>
    public void AddPoint(string name, Value value)
    {
        ArgumentNullException.ThrowIfNull(value);
        _points.Add(new GraphPoint(name, Math.Max(_block, 0), value));
    }

    /// <summary>Finishes the graph.</summary>
    public Graph Build() =>
        new([.. _values], [.. _operations], new StateLayout([.. _cache], [.. _recurrent]), [.. _outputs], _isBehindBlocks ? _block : _block + 1, [.. _points]);

    /// <inheritdoc cref="Graphs.Embed"/>
    public Value Embed(WeightTensor table, string? name = null) =>
        Write(new Embed(table, Make(name, nameof(Embed), RowSpace.Tokens, table.Columns)));

    /// <inheritdoc cref="Graphs.EmbedPositions"/>
    public Value EmbedPositions(WeightTensor table, int offset = 0, string? name = null) =>
        Write(new EmbedPositions(table, offset, Make(name, nameof(EmbedPositions), RowSpace.Tokens, table.Columns)));

    /// <inheritdoc cref="Graphs.EmbedConstant"/>
    public Value EmbedConstant(WeightTensor table, int row, string? name = null) =>
        Write(new EmbedConstant(table, row, Make(name, nameof(EmbedConstant), RowSpace.Tokens, table.Columns)));

    /// <inheritdoc cref="Graphs.SelectOutputs"/>
    public Value SelectOutputs(Value x, string? name = null) =>
        Write(new SelectOutputs(x, Make(name, nameof(SelectOutputs), RowSpace.Outputs, x.Width)));

    /// <inheritdoc cref="Graphs.Pool"/>
    public Value Pool(Value x, PoolingKind kind, string? name = null) =>
        Write(new Pool(x, kind, Make(name, nameof(Pool), RowSpace.Sequences, x.Width)));

    /// <inheritdoc cref="Graphs.MatMul"/>
    public Value MatMul(Value x, WeightTensor weight, WeightTensor? bias = null, string? name = null)
    {
        Require(x.Width == weight.Columns, weight, $"has rows of {weight.Columns}, but '{x.Name}' is {x.Width} wide");
        Require(bias is null || bias.Count == weight.Rows, bias, $"has {bias?.Count} elements, but the result is {weight.Rows} wide");
        return Write(new MatMul(x, weight, bias, Make(name, nameof(MatMul), x.Rows, weight.Rows)));
    }

    /// <inheritdoc cref="Graphs.GroupedMatMul"/>
    public Value GroupedMatMul(Value x, WeightTensor weight, string? name = null)
    {
        var groups = weight.Shape.Length > 2 ? weight.Shape[2] : 1;
        Require(x.Width == weight.Columns * groups || x.Width == weight.Columns, weight, $"has {groups} matrices with rows of {weight.Columns}, but '{x.Name}' is {x.Width} wide");
        return Write(new GroupedMatMul(x, weight, Make(name, nameof(GroupedMatMul), x.Rows, weight.Rows)));
    }

    /// <inheritdoc cref="Graphs.Route"/>
    public Value Route(Value logits, RouteSettings settings, string? name = null)
    {
        Require(logits.Width == settings.Experts && settings.Used >= 1 && settings.Used <= settings.Experts && settings.ExpertsPerChunk >= 1, logits, $"is {logits.Width} wide for {settings.Used} of {settings.Experts} experts in chunks of {settings.ExpertsPerChunk}");
        return Write(new Route(logits, settings, Make(name, nameof(Route), logits.Rows, 2L * settings.Used)));
    }

    /// <inheritdoc cref="Graphs.ExpertMatMul"/>
    public Value ExpertMatMul(Value x, Value route, WeightTensor weight, WeightTensor? bias = null, string? name = null)
    {
        var used = route.Width / 2;
        Require(weight.Shape.Length == 3, weight, "needs the shape [in, out, experts]");
        Require(x.Width == weight.Columns || x.Width == weight.Columns * used, weight, $"has rows of {weight.Columns}, but '{x.Name}' is {x.Width} wide for {used} experts");
        return Write(new ExpertMatMul(x, route, weight, bias, Make(name, nameof(ExpertMatMul), x.Rows, weight.Shape[1] * used)));
    }

    /// <inheritdoc cref="Graphs.ExpertScale"/>
    public Value ExpertScale(Value x, Value route, int width, string? name = null)
    {
        var used = route.Width / 2;
        Require(x.Width == width || x.Width == (long)width * used, x, $"is {x.Width} wide, not {width} or {(long)width * used}");
        return Write(new ExpertScale(x, route, Make(name, nameof(ExpertScale), x.Rows, (long)width * used)));
    }

    /// <inheritdoc cref="Graphs.ExpertSum"/>
    public Value ExpertSum(Value x, Value route, bool weighted, WeightTensor? scales = null, string? name = null)
    {
        var used = route.Width / 2;
        Require(x.Width % used == 0, x, $"is {x.Width} wide, not a multiple of {used} experts");
        return Write(new ExpertSum(x, route, weighted, scales, Make(name, nameof(ExpertSum), x.Rows, x.Width / used)));
    }

    /// <inheritdoc cref="Graphs.RmsNorm"/>
    public Value RmsNorm(Value x, float epsilon, WeightTensor? weight, WeightTensor? bias = null, int groupWidth = 0, string? name = null)
    {
        groupWidth = groupWidth == 0 ? x.Width : groupWidth;
        RequireNorm(x, groupWidth, weight);
        RequireNorm(x, groupWidth, bias);
        return Write(new RmsNorm(x, groupWidth, epsilon, weight, bias, Make(name, nameof(RmsNorm), x.Rows, x.Width)));
    }

    /// <inheritdoc cref="Graphs.LayerNorm"/>
    public Value LayerNorm(Value x, float epsilon, WeightTensor? weight, WeightTensor? bias = null, int groupWidth = 0, string? name = null)
    {
        groupWidth = groupWidth == 0 ? x.Width : groupWidth;
        RequireNorm(x, groupWidth, weight);
        RequireNorm(x, groupWidth, bias);
        return Write(new LayerNorm(x, groupWidth, epsilon, weight, bias, Make(name, nameof(LayerNorm), x.Rows, x.Width)));
    }

    /// <inheritdoc cref="Graphs.L2Norm"/>
    public Value L2Norm(Value x, int groupWidth, float epsilon, string? name = null)
    {
        RequireRuns(x, groupWidth);
        return Write(new L2Norm(x, groupWidth, epsilon, Make(name, nameof(L2Norm), x.Rows, x.Width)));
    }

    /// <inheritdoc cref="Graphs.Add"/>
    public Value Add(Value a, Value b, string? name = null)
    {
        RequireSame(a, b);
        return Write(new Add(a, b, Make(name, nameof(Add), a.Rows, a.Width)));
    }

    /// <inheritdoc cref="Graphs.AddWeight"/>
    public Value AddWeight(Value x, WeightTensor weight, string? name = null)
    {
        Require(weight.Count == x.Width, weight, $"has {weight.Count} elements, but '{x.Name}' is {x.Width} wide");
        return Write(new AddWeight(x, weight, Make(name, nameof(AddWeight), x.Rows, x.Width)));
    }

    /// <inheritdoc cref="Graphs.Multiply"/>
    public Value Multiply(Value a, Value b, string? name = null)
    {
        Require(a.Width % b.Width == 0 && a.Rows == b.Rows, b, $"is {b}, which does not divide '{a}'");
        return Write(new Multiply(a, b, Make(name, nameof(Multiply), a.Rows, a.Width)));
    }

    /// <inheritdoc cref="Graphs.MultiplyWeight"/>
    public Value MultiplyWeight(Value x, WeightTensor weight, string? name = null)
    {
        Require(x.Width % weight.Count == 0, weight, $"has {weight.Count} elements, but '{x.Name}' is {x.Width} wide");
        return Write(new MultiplyWeight(x, weight, Make(name, nameof(MultiplyWeight), x.Rows, x.Width)));
    }

    /// <inheritdoc cref="Graphs.Scale"/>
    public Value Scale(Value x, float factor, float offset = 0, string? name = null) =>
        Write(new Scale(x, factor, offset, Make(name, nameof(Scale), x.Rows, x.Width)));

    /// <inheritdoc cref="Graphs.ScaleByPosition"/>
    public Value ScaleByPosition(Value x, float factor, float interval, float offset = 0, string? name = null) =>
        Write(new ScaleByPosition(x, factor, interval, offset, Make(name, nameof(ScaleByPosition), x.Rows, x.Width)));

    /// <inheritdoc cref="Graphs.Clamp"/>
    public Value Clamp(Value x, float low, float high, string? name = null) =>
        Write(new Clamp(x, low, high, Make(name, nameof(Clamp), x.Rows, x.Width)));

    /// <inheritdoc cref="Graphs.SoftCap"/>
    public Value SoftCap(Value x, float cap, string? name = null) =>
        Write(new SoftCap(x, cap, Make(name, nameof(SoftCap), x.Rows, x.Width)));

    /// <inheritdoc cref="Graphs.Activate"/>
    public Value Activate(Value x, ActivationKind kind, ImmutableArray<float> parameters = default, string? name = null) =>
        Write(new Activate(x, kind, parameters.IsDefault ? [] : parameters, Make(name, kind.ToString(), x.Rows, x.Width)));

    /// <inheritdoc cref="Graphs.Gate"/>
    public Value Gate(Value gate, Value up, GateKind kind, ImmutableArray<float> parameters = default, string? name = null)
    {
        RequireSame(gate, up);
        return Write(new Gate(gate, up, kind, parameters.IsDefault ? [] : parameters, Make(name, kind.ToString(), up.Rows, up.Width)));
    }

    /// <inheritdoc cref="Graphs.Softmax"/>
    public Value Softmax(Value x, int groupWidth = 0, string? name = null)
    {
        groupWidth = groupWidth == 0 ? x.Width : groupWidth;
        RequireRuns(x, groupWidth);
        return Write(new Softmax(x, groupWidth, Make(name, nameof(Softmax), x.Rows, x.Width)));
    }

    /// <summary>Columns [offset, offset + width) of x, or of each of its groups.</summary>
    public Value Slice(Value x, long offset, long width, int groups = 1, string? name = null)
    {
        RequireGroups(x, groups);
        Require(offset >= 0 && width > 0 && width <= x.Width / groups && offset <= (x.Width / groups) - width, x, $"is {x.Width} wide in {groups} groups, which have no {width} columns from {offset} on");
        return Write(new Slice(x, groups, (int)offset, Make(name, nameof(Slice), x.Rows, width * groups)));
    }

    /// <summary>Joins the columns of values, group by group; a part in <paramref name="shared"/> is repeated whole in every group.</summary>
    public Value Concatenate(ImmutableArray<Value> parts, int groups = 1, ImmutableArray<bool> shared = default, string? name = null)
    {
        shared = shared.IsDefault ? [.. parts.Select(_ => false)] : shared;
        long width = 0;
        for (var i = 0; i < parts.Length; i++)
        {
            Require(groups >= 1 && parts[i].Rows == parts[0].Rows && (shared[i] || parts[i].Width % groups == 0), parts[i], $"does not divide into {groups} groups");
            width += shared[i] ? (long)parts[i].Width * groups : parts[i].Width;
        }

        return Write(new Concatenate(parts, groups, shared, Make(name, nameof(Concatenate), parts[0].Rows, width)));
    }

    /// <inheritdoc cref="Graphs.Repeat"/>
    public Value Repeat(Value x, int times, int groups = 1, bool interleaved = true, string? name = null)
    {
        RequireGroups(x, groups);
        Require(times >= 1, x, $"cannot be there {times} times");
        return Write(new Repeat(x, groups, times, interleaved, Make(name, nameof(Repeat), x.Rows, (long)x.Width * times)));
    }

    /// <inheritdoc cref="Graphs.Rope"/>
    public Value Rope(Value x, RopeSettings settings, string? name = null)
    {
        var fits = settings is { HeadSize: >= 1, Offset: >= 0, Rotated: >= 0 } && x.Width % settings.HeadSize == 0 && settings.Rotated <= settings.HeadSize - settings.Offset && settings.Rotated % 2 == 0;
        Require(fits, x, $"is {x.Width} wide; heads of {settings.HeadSize} with {settings.Rotated} rotated columns do not fit");
        Require(settings.FrequencyFactors is null || settings.FrequencyFactors.Count >= settings.Rotated / 2, settings.FrequencyFactors, $"has fewer than {settings.Rotated / 2} factors");
        return Write(new Rope(x, settings, Make(name, nameof(Rope), x.Rows, x.Width)));
    }

    /// <inheritdoc cref="Graphs.Store"/>
    public void Store(Value keys, Value values, CacheLayer layer)
    {
        Require(keys.Width == (long)layer.Heads * layer.KeySize, keys, $"is {keys.Width} wide, not {layer.Heads} × {layer.KeySize}");
        Require(values.Width == (long)layer.Heads * layer.ValueSize, values, $"is {values.Width} wide, not {layer.Heads} × {layer.ValueSize}");
        _operations.Add(new Store(keys, values, layer) { Block = _block });
    }

    /// <inheritdoc cref="Graphs.Attend"/>
    public Value Attend(Value queries, CacheLayer layer, AttentionSettings settings, string? name = null)
    {
        Require(queries.Width == (long)settings.Heads * layer.KeySize && settings.Heads % layer.Heads == 0, queries, $"is {queries.Width} wide, not {settings.Heads} × {layer.KeySize} over {layer.Heads} key/value heads");
        return Write(new Attend(queries, layer, settings, Make(name, nameof(Attend), queries.Rows, (long)settings.Heads * layer.ValueSize)));
    }

    /// <inheritdoc cref="Graphs.AttendWithin"/>
    public Value AttendWithin(Value queries, Value keys, Value values, int keyValueHeads, AttentionSettings settings, string? name = null)
    {
        var fits = settings.Heads >= 1 && keyValueHeads >= 1 && settings.Heads % keyValueHeads == 0 && queries.Width % settings.Heads == 0
            && keys.Width == (long)queries.Width / settings.Heads * keyValueHeads && values.Width % keyValueHeads == 0;
        Require(fits, queries, $"is {queries.Width} wide with keys of {keys.Width} and values of {values.Width} in {settings.Heads} and {keyValueHeads} heads");
        RequireHeads(queries, keyValueHeads, queries.Width / settings.Heads, values.Width / keyValueHeads);
        return Write(new AttendWithin(queries, keys, values, keyValueHeads, settings, Make(name, nameof(AttendWithin), queries.Rows, (long)values.Width / keyValueHeads * settings.Heads)));
    }

    /// <inheritdoc cref="Graphs.Convolve"/>
    public Value Convolve(Value x, WeightTensor weight, WeightTensor? bias, string? name = null)
    {
        Require(weight.Rows == x.Width, weight, $"has {weight.Rows} kernels, but '{x.Name}' is {x.Width} wide");
        var layer = AddRecurrentLayer((weight.Columns - 1) * x.Width);
        return Write(new Convolve(x, weight, bias, layer, Make(name, nameof(Convolve), x.Rows, x.Width)));
    }

    /// <inheritdoc cref="Graphs.SelectiveScan"/>
    public Value SelectiveScan(Value x, Value delta, Value b, Value c, WeightTensor a, WeightTensor? d, string? name = null)
    {
        RequireSame(x, delta);
        RequireSame(b, c);
        Require(a.Columns == b.Width && a.Rows == x.Width, a, $"is [{a.Rows}, {a.Columns}], not [{x.Width}, {b.Width}]");
        var layer = AddRecurrentLayer((long)x.Width * b.Width);
        return Write(new SelectiveScan(x, delta, b, c, a, d, layer, Make(name, nameof(SelectiveScan), x.Rows, x.Width)));
    }

    /// <inheritdoc cref="Graphs.HeadScan"/>
    public Value HeadScan(Value x, Value delta, Value b, Value c, WeightTensor a, WeightTensor? d, int groups, string? name = null)
    {
        RequireSame(b, c);
        RequireGroups(delta, groups);
        RequireGroups(b, groups);
        Require(a.Count == delta.Width && x.Width % delta.Width == 0, a, $"has {a.Count} elements for {delta.Width} heads in {groups} groups");
        var layer = AddRecurrentLayer((long)x.Width * (b.Width / groups));
        return Write(new HeadScan(x, delta, b, c, a, d, groups, layer, Make(name, nameof(HeadScan), x.Rows, x.Width)));
    }

    /// <inheritdoc cref="Graphs.ShiftRows"/>
    public Value ShiftRows(Value x, string? name = null) =>
        Write(new ShiftRows(x, AddRecurrentLayer(x.Width), Make(name, nameof(ShiftRows), x.Rows, x.Width)));

    /// <inheritdoc cref="Graphs.Wkv6"/>
    public Value Wkv6(Value r, Value k, Value v, Value decay, WeightTensor first, int headSize, string? name = null)
    {
        RequireSame(r, k);
        RequireSame(k, v);
        RequireSame(v, decay);
        RequireRuns(r, headSize);
        Require(first.Count == r.Width, first, $"has {first.Count} elements for a width of {r.Width} in heads of {headSize}");
        return Write(new Wkv6(r, k, v, decay, first, headSize, AddRecurrentLayer((long)r.Width * headSize), Make(name, nameof(Wkv6), r.Rows, r.Width)));
    }

    /// <inheritdoc cref="Graphs.Wkv7"/>
    public Value Wkv7(Value r, Value decay, Value k, Value v, Value a, Value b, int headSize, string? name = null)
    {
        RequireSame(r, decay);
        RequireSame(r, k);
        RequireSame(r, v);
        RequireSame(r, a);
        RequireSame(r, b);
        RequireRuns(r, headSize);
        return Write(new Wkv7(r, decay, k, v, a, b, headSize, AddRecurrentLayer((long)r.Width * headSize), Make(name, nameof(Wkv7), r.Rows, r.Width)));
    }

    /// <inheritdoc cref="Graphs.DeltaScan"/>
    public Value DeltaScan(Value q, Value k, Value v, Value logDecay, Value beta, int heads, float queryScale, string? name = null)
    {
        RequireSame(q, k);
        RequireGroups(q, heads);
        Require(v.Width % heads == 0 && beta.Width == heads && (logDecay.Width == heads || logDecay.Width == k.Width), q, $"is {q.Width} wide with values of {v.Width}, decay of {logDecay.Width} and beta of {beta.Width} in {heads} heads");
        var layer = AddRecurrentLayer((long)k.Width * (v.Width / heads));
        return Write(new DeltaScan(q, k, v, logDecay, beta, heads, queryScale, layer, Make(name, nameof(DeltaScan), q.Rows, v.Width)));
    }

    /// <inheritdoc cref="Graphs.GatedLinearScan"/>
    public Value GatedLinearScan(Value q, Value k, Value v, Value decay, int headSize, float queryScale, string? name = null)
    {
        RequireSame(q, k);
        RequireSame(q, v);
        RequireSame(q, decay);
        RequireRuns(q, headSize);
        return Write(new GatedLinearScan(q, k, v, decay, headSize, queryScale, AddRecurrentLayer((long)q.Width * headSize), Make(name, nameof(GatedLinearScan), q.Rows, q.Width)));
    }

    private static void RequireSame(Value a, Value b) =>
        Require(a.Width == b.Width && a.Rows == b.Rows, a, $"is {a}, but the other operand is {b}");

    private static void RequireNorm(Value x, int groupWidth, WeightTensor? weight)
    {
        RequireRuns(x, groupWidth);
        Require(weight is null || weight.Count == groupWidth || weight.Count == x.Width, weight, $"has {weight?.Count} elements, not {groupWidth} or {x.Width}");
    }

    private static void RequireRuns(Value x, int width) => Require(width >= 1 && x.Width % width == 0, x, $"does not divide into runs of {width}");

    private static void RequireGroups(Value x, int groups) => Require(groups >= 1 && x.Width % groups == 0, x, $"does not divide into {groups} groups");

    private static void RequireHeads(object subject, int heads, int keySize, int valueSize) =>
        Require(heads >= 1 && keySize is >= 1 and <= MostHeadColumns && valueSize is >= 1 and <= MostHeadColumns && (long)heads * Math.Max(keySize, valueSize) <= MostColumns, subject, $"has {heads} key/value heads of {keySize} and {valueSize}; heads hold 1 to {MostHeadColumns} columns, and all together at most {MostColumns}");

    private static void Require(bool condition, object? subject, string problem)
    {
        if (!condition)
        {
            throw new ModelFormatException($"The model's tensors do not fit together: {subject} {problem}.");
        }
    }

    private Value Make(string? name, string operation, RowSpace rows, long width)
    {
        Require(width is >= 1 and <= MostColumns, $"'{name ?? operation}'", $"would be {width} wide; 1 to {MostColumns} are possible");
        var id = _values.Count;
        name ??= operation;
        name = _block >= 0 && !_isBehindBlocks ? $"blk.{_block}.{name}" : name;
        var unique = name;
        for (var i = 2; !_names.Add(unique); i++)
        {
            unique = $"{name}.{i}";
        }

        var value = new Value(id, unique, rows, (int)width, _block);
        _values.Add(value);
        return value;
    }

    private Value Write(Operation operation)
    {
        _operations.Add(operation with { Block = _block });
        return operation.Output!;
    }
}
