using System.Globalization;
using Abi.Llm.Gguf;

namespace Abi.Llm;

/// <summary>
/// A direction for each of some layers, added to the hidden states behind them (papers: Turner et al. 2023; Zou et al. 2023): it shifts what a model writes about, or how, without
/// other weights. Applied to the requests that name it (<see cref="GenerationOptions.ControlVectors"/>).
/// </summary>
/// <remarks>Immutable and thread-safe.</remarks>
public sealed class ControlVector
{
    private const string Prefix = "direction.";
    private static int _lastId;
    private readonly Dictionary<int, float[]> _directions; // by layer: [width]

    private ControlVector(Dictionary<int, float[]> directions)
    {
        _directions = directions;
        Width = directions.Values.First().Length;
        Layers = [.. directions.Keys.Order()];
    }

    /// <summary>The width of its directions: that of the model's hidden states.</summary>
    public int Width { get; }

    /// <summary>The layers that have a direction, from 0, ascending.</summary>
    public IReadOnlyList<int> Layers { get; }

    internal int Id { get; } = Interlocked.Increment(ref _lastId);

    /// <summary>Makes one of directions.</summary>
    /// <param name="directions">By layer, from 0: [width], the same for all.</param>
    /// <exception cref="ArgumentException">There is none, one is empty or has numbers that are not finite, or they differ in width.</exception>
    public static ControlVector Create(IReadOnlyDictionary<int, float[]> directions)
    {
        ArgumentNullException.ThrowIfNull(directions);
        return directions.Count > 0 && directions.All(entry => entry.Key >= 0 && entry.Value is { Length: > 0 } && entry.Value.Length == directions.First().Value.Length && IsFinite(entry.Value))
            ? new ControlVector(directions.ToDictionary(entry => entry.Key, entry => (float[])entry.Value.Clone()))
            : throw new ArgumentException("A control vector needs directions of one width, of finite numbers, for layers from 0 on.", nameof(directions));
    }

    /// <summary>Reads a GGUF file as llama.cpp writes it: tensors <c>direction.N</c> of float32, each for the output of layer N.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="ModelFormatException">The file is broken, or holds something else.</exception>
    public static ControlVector Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (!File.Exists(path))
        {
            throw new AbiException($"There is no control vector at '{path}': a GGUF file with tensors '{Prefix}N' was expected.");
        }

        using var file = GgufFile.Open(path);
        var directions = new Dictionary<int, float[]>();
        foreach (var tensor in file.Tensors)
        {
            if (!tensor.Name.StartsWith(Prefix, StringComparison.Ordinal))
            {
                continue;
            }

            if (!int.TryParse(tensor.Name.AsSpan(Prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var layer) || layer == 0 || layer > 1_000_000)
            {
                throw new ModelFormatException($"The control vector's tensor '{tensor.Name}' names no layer from 1 on", path);
            }

            if (tensor.Shape.Length != 1 || tensor.Format.IsIntegerData || tensor.Count is < 1 or > 1 << 24)
            {
                throw new ModelFormatException($"The control vector's tensor '{tensor.Name}' is {tensor.Type} [{string.Join(", ", tensor.Shape)}]; one row of floats is needed", path);
            }

            if (directions.Count > 0 && directions.First().Value.Length != tensor.Count)
            {
                throw new ModelFormatException($"The control vector's tensor '{tensor.Name}' has {tensor.Count} floats, others {directions.First().Value.Length}", path);
            }

            var direction = tensor.ToFloats();
            if (!IsFinite(direction))
            {
                throw new ModelFormatException($"The control vector's tensor '{tensor.Name}' has numbers that are not finite", path);
            }

            directions.Add(layer, direction);
        }

        return directions.Count > 0 ? new ControlVector(directions) : throw new ModelFormatException($"There is no control vector in the file: it has no tensor '{Prefix}N'", path);
    }

    private static bool IsFinite(float[] direction) => Array.TrueForAll(direction, float.IsFinite);

    internal bool TryGet(int layer, out ReadOnlySpan<float> direction)
    {
        direction = _directions.TryGetValue(layer, out var found) ? found : default;
        return !direction.IsEmpty;
    }
}
