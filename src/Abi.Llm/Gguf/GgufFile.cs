using System.Collections.Immutable;
using System.Globalization;
using System.Text.RegularExpressions;
using Abi.Compute.Memory;
using Abi.Compute.Tensors;

namespace Abi.Llm.Gguf;

/// <summary>An open model file: metadata, and tensors as views on the mapped file (specification: GGUF, versions 1 to 3). Split files are opened as one.</summary>
/// <remarks>Thread-safe. Tensors are valid until the file is disposed of.</remarks>
public sealed partial class GgufFile : IDisposable
{
    private readonly List<IDisposable> _owned; // mappings, or the memory that was given
    private readonly Dictionary<string, WeightTensor> _byName;

    private GgufFile(string? path, int version, GgufMetadata metadata, List<WeightTensor> tensors, List<IDisposable> owned, long byteLength)
    {
        Path = path;
        Version = version;
        Metadata = metadata;
        Tensors = tensors;
        _owned = owned;
        ByteLength = byteLength;
        _byName = tensors.ToDictionary(tensor => tensor.Name, StringComparer.Ordinal);
    }

    /// <summary>The path that was opened, or null for memory.</summary>
    public string? Path { get; }

    /// <summary>The format's version: 1, 2 or 3.</summary>
    public int Version { get; }

    /// <summary>The metadata; of a split file, that of its first part.</summary>
    public GgufMetadata Metadata { get; }

    /// <summary>The tensors, in the file's order.</summary>
    public IReadOnlyList<WeightTensor> Tensors { get; }

    /// <summary>The bytes of all parts together.</summary>
    public long ByteLength { get; }

    /// <summary>What tells each mapped file from others, and its length; who opens the same file shares it.</summary>
    internal ImmutableArray<(object Identity, long Bytes)> MappedFiles => [.. _owned.OfType<SharedMapping>().Select(static mapping => (mapping.Identity, mapping.Memory.Length))];

    /// <summary>The files of a split model, in order; empty for one file.</summary>
    internal ImmutableArray<string> PartPaths { get; private init; } = [];

    /// <summary>Maps a file, once however often it is opened at the same time; of a split model (<c>-00001-of-0000N.gguf</c>), any part, and the others are found beside it.</summary>
    /// <exception cref="ModelFormatException">The file is broken; the message says what and where.</exception>
    /// <exception cref="AbiException">The file cannot be opened.</exception>
    public static GgufFile Open(string path, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var mappings = new List<SharedMapping>();
        try
        {
            return OpenParts(path, mappings, cancellationToken);
        }
        catch
        {
            mappings.ForEach(mapping => mapping.Dispose());
            throw;
        }
    }

    /// <summary>Reads a file that is already in memory, which then belongs to the result.</summary>
    /// <exception cref="ModelFormatException">The file is broken.</exception>
    public static GgufFile Open(TensorMemory memory, string? path = null)
    {
        ArgumentNullException.ThrowIfNull(memory);
        var part = GgufReader.Read(memory, path);
        return new GgufFile(path, part.Version, part.Metadata, part.Tensors, [memory], memory.Length);
    }

    /// <summary>The tensor with this name, or null.</summary>
    public WeightTensor? FindTensor(string name) => _byName.GetValueOrDefault(name);

    /// <summary>The tensor with this name.</summary>
    /// <exception cref="ModelFormatException">There is none.</exception>
    public WeightTensor GetTensor(string name) => FindTensor(name)
        ?? throw new ModelFormatException($"The model has no tensor '{name}', which its architecture '{Metadata.GetString("general.architecture", "?")}' needs", Path);

    /// <summary>A view of the same tensors with other metadata; the file itself stays the owner of the memory.</summary>
    public GgufFile WithMetadata(GgufMetadata metadata)
    {
        ArgumentNullException.ThrowIfNull(metadata);
        return new GgufFile(Path, Version, metadata, [.. Tensors], [], byteLength: 0);
    }

    /// <summary>Unmaps the file, unless it is open elsewhere too; a second call does nothing.</summary>
    public void Dispose() => _owned.ForEach(owned => owned.Dispose());

    private static GgufFile OpenParts(string path, List<SharedMapping> mappings, CancellationToken cancellationToken)
    {
        var given = Map(path, mappings);
        var count = given.Metadata.GetInt32("split.count", 1);
        if (count <= 1)
        {
            return new GgufFile(path, given.Version, given.Metadata, given.Tensors, [.. mappings], mappings[0].Memory.Length);
        }

        var name = SplitName().Match(path);
        if (!name.Success || int.Parse(name.Groups["count"].ValueSpan, CultureInfo.InvariantCulture) != count)
        {
            throw new ModelFormatException($"The file is one of {count} parts of a split model, so its name must end in '-00001-of-{count:00000}.gguf'; restore the original names", path);
        }

        if (count > 9999)
        {
            throw new ModelFormatException($"The file claims to be split into {count} parts", path);
        }

        mappings[0].Dispose();
        mappings.Clear();
        var parts = new List<GgufPart>();
        var paths = ImmutableArray.CreateBuilder<string>(count);
        for (var i = 0; i < count; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var partPath = $"{name.Groups["prefix"].Value}-{i + 1:00000}-of-{count:00000}.gguf";
            if (!File.Exists(partPath))
            {
                throw new ModelFormatException($"Part {i + 1} of {count} of the split model is missing: put '{System.IO.Path.GetFileName(partPath)}' beside the others", partPath);
            }

            paths.Add(partPath);
            var part = Map(partPath, mappings);
            if (part.Metadata.GetInt32("split.count", 0) != count || part.Metadata.GetInt32("split.no", -1) != i)
            {
                throw new ModelFormatException($"The file says it is part {part.Metadata.GetInt32("split.no", -1) + 1} of {part.Metadata.GetInt32("split.count", 0)}, but its name says part {i + 1} of {count}", partPath);
            }

            parts.Add(part);
        }

        List<WeightTensor> tensors = [.. parts.SelectMany(part => part.Tensors)];
        var expected = parts[0].Metadata.GetInt32("split.tensors.count", tensors.Count);
        if (tensors.Count != expected || tensors.DistinctBy(tensor => tensor.Name, StringComparer.Ordinal).Count() != tensors.Count)
        {
            throw new ModelFormatException($"The parts hold {tensors.Count} tensors, {tensors.DistinctBy(tensor => tensor.Name, StringComparer.Ordinal).Count()} of them different; the first part promises {expected}", path);
        }

        return new GgufFile(path, parts[0].Version, parts[0].Metadata, tensors, [.. mappings], mappings.Sum(mapping => mapping.Memory.Length)) { PartPaths = paths.MoveToImmutable() };
    }

    private static GgufPart Map(string path, List<SharedMapping> mappings)
    {
        SharedMapping mapping;
        try
        {
            mapping = SharedMapping.Open(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new AbiException(File.Exists(path) ? $"The model file '{path}' cannot be opened: {e.Message}" : Missing(path), e);
        }

        mappings.Add(mapping);
        return GgufReader.Read(mapping.Memory, path);
    }

    private static string Missing(string path)
    {
        if (!Directory.Exists(path))
        {
            return $"There is no model file at '{path}'{(System.IO.Path.IsPathRooted(path) ? "" : $", which is '{System.IO.Path.GetFullPath(path)}'")}. Give the path of a GGUF file: a model is downloaded with ModelDownloader or `abi pull`, and a package that brings one says where it is (StoriesModel.Path).";
        }

        string[] files;
        try
        {
            files = [.. Directory.EnumerateFiles(path, "*.gguf").Take(3).Select(System.IO.Path.GetFileName)!];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            files = []; // a folder that may not be listed is still told from a file
        }

        return $"'{path}' is a folder. Name a GGUF file in it{(files.Length > 0 ? $", such as '{string.Join("', '", files)}'." : $"; there is none that can be seen. {ForeignFile.Conversion}.")}";
    }

    [GeneratedRegex(@"^(?<prefix>.*)-(?<no>\d{5})-of-(?<count>\d{5})\.gguf$", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex SplitName();
}
