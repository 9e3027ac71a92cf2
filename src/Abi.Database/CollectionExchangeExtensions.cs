using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Abi.Database.Exchange;

namespace Abi.Database;

/// <summary>Takes records from files and brings them into files.</summary>
public static class CollectionExchangeExtensions
{
    private const string Partial = ".partial";

    /// <summary>Writes the records of a file into a collection, batch by batch: what was written before an error stays.</summary>
    /// <param name="collection">The collection; it exists.</param>
    /// <param name="path">The file.</param>
    /// <param name="options">How.</param>
    /// <param name="progress">Told how many records are written.</param>
    /// <param name="cancellationToken">Cancels between batches.</param>
    /// <returns>How many records were written.</returns>
    /// <exception cref="ExchangeException">The file is damaged or does not fit the collection; the line or vector is named.</exception>
    public static async Task<long> ImportAsync(
        this VectorCollection<object, Dictionary<string, object?>> collection, string path, ImportOptions? options = null, IProgress<long>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(collection);
        ArgumentException.ThrowIfNullOrEmpty(path);
        options ??= new ImportOptions();
        options.Validate();
        if (Formats.Of(path, options.Format) == ExchangeFormat.JsonLines)
        {
            var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16, FileOptions.SequentialScan | FileOptions.Asynchronous);
            await using var _ = stream.ConfigureAwait(false);
            return await ImportAsync(collection, stream, path, options, progress, cancellationToken).ConfigureAwait(false);
        }

        return await ImportVectorsAsync(collection, path, options, progress, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Writes the records of a stream of JSON lines into a collection, batch by batch.</summary>
    /// <param name="collection">The collection; it exists.</param>
    /// <param name="stream">A JSON object a line, in UTF-8; it is left open.</param>
    /// <param name="name">What messages call it.</param>
    /// <param name="options">How.</param>
    /// <param name="progress">Told how many records are written.</param>
    /// <param name="cancellationToken">Cancels between batches.</param>
    /// <returns>How many records were written.</returns>
    /// <exception cref="ExchangeException">A line does not fit the collection; it is named.</exception>
    public static async Task<long> ImportAsync(
        this VectorCollection<object, Dictionary<string, object?>> collection, Stream stream, string name, ImportOptions? options = null, IProgress<long>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(collection);
        ArgumentNullException.ThrowIfNull(stream);
        options ??= new ImportOptions();
        options.Validate();
        var definition = collection.GetStatistics().Definition;
        var lines = new LineReader(stream, name);
        List<Dictionary<string, object?>> batch = [];
        var (first, last) = (1L, 1L);
        var written = 0L;
        while (true)
        {
            var line = await lines.ReadAsync(cancellationToken).ConfigureAwait(false);
            if (line is not null)
            {
                (first, last) = (batch.Count == 0 ? lines.Number : first, lines.Number);
                try
                {
                    batch.Add(RecordJson.Parse(line, definition));
                }
                catch (FormatException error)
                {
                    throw new ExchangeException(error.Message, name, lines.Number, error);
                }
            }

            if (batch.Count == options.BatchSize || (line is null && batch.Count > 0))
            {
                try
                {
                    await collection.UpsertAsync(batch, cancellationToken).ConfigureAwait(false);
                }
                catch (ArgumentException error)
                {
                    throw new ExchangeException($"a record of the lines {first} to {last} does not fit the collection: {error.Message}", name, null, error);
                }

                written += batch.Count;
                progress?.Report(written);
                batch = [];
            }

            if (line is null)
            {
                return written;
            }
        }
    }

    /// <summary>Writes records into a file, all of one snapshot. The file appears when it is whole.</summary>
    /// <param name="collection">The collection.</param>
    /// <param name="path">The file.</param>
    /// <param name="options">How.</param>
    /// <param name="progress">Told how many records are written.</param>
    /// <param name="cancellationToken">Cancels; no file is left then.</param>
    /// <returns>How many records were written.</returns>
    public static async Task<long> ExportAsync(
        this VectorCollection<object, Dictionary<string, object?>> collection, string path, ExportOptions? options = null, IProgress<long>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(collection);
        ArgumentException.ThrowIfNullOrEmpty(path);
        options ??= new ExportOptions();
        var format = Formats.Of(path, options.Format);
        var definition = collection.GetStatistics().Definition;
        var field = format == ExchangeFormat.JsonLines ? null : Field(collection, definition, options.VectorField);
        if (field is { Element: not (VectorElement.Float32 or VectorElement.Float16) })
        {
            throw new ArgumentException($"The vectors of '{field.Name}' are {field.Element}; {format} files hold floats. Export JSON lines.", nameof(options));
        }

        var ending = $".{Guid.NewGuid():N}{Partial}"; // of its own: another export to the same file may go on beside it
        var (temporary, temporaryKeys) = (path + ending, options.KeyFile is { } keyFile && field is not null ? keyFile + ending : null);
        DeleteLeftovers(path);
        if (temporaryKeys is not null)
        {
            DeleteLeftovers(options.KeyFile!);
        }

        try
        {
            long count;
            {
                var stream = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 16);
                await using var closeStream = stream.ConfigureAwait(false);
                var keys = temporaryKeys is null ? null : new FileStream(temporaryKeys, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 16);
                await using var closeKeys = ((IAsyncDisposable?)keys ?? new MemoryStream()).ConfigureAwait(false);
                var vectors = field is null ? null : new VectorFileWriter(stream, format, field.Dimensions);
                count = 0;
                await foreach (var record in collection.ListAsync(new ListOptions { Filter = options.Filter, IncludeVectors = field is not null || options.IncludeVectors }, cancellationToken).ConfigureAwait(false))
                {
                    if (vectors is null)
                    {
                        stream.Write(Encoding.UTF8.GetBytes(RecordJson.Format(record, definition, options.IncludeVectors)));
                        stream.WriteByte((byte)'\n');
                    }
                    else if (Floats(record.GetValueOrDefault(field!.Name)) is { } vector)
                    {
                        vectors.Write(vector);
                        WriteKey(keys, record[definition.KeyName]);
                    }
                    else
                    {
                        continue;
                    }

                    if (++count % 1000 == 0)
                    {
                        progress?.Report(count);
                    }
                }

                vectors?.Complete();

                // before they take their names: a power cut must not leave an empty file in place of the one before
                stream.Flush(flushToDisk: true);
                keys?.Flush(flushToDisk: true);
            }

            progress?.Report(count);
            File.Move(temporary, path, overwrite: true);
            if (temporaryKeys is not null)
            {
                File.Move(temporaryKeys, options.KeyFile!, overwrite: true);
            }

            return count;
        }
        finally
        {
            File.Delete(temporary);
            if (temporaryKeys is not null)
            {
                File.Delete(temporaryKeys);
            }
        }
    }

    // What exports that were killed left: one that goes on writes all the time.
    private static void DeleteLeftovers(string path)
    {
        var (folder, start) = (Path.GetDirectoryName(Path.GetFullPath(path))!, Path.GetFileName(path) + ".");
        try
        {
            foreach (var file in Directory.EnumerateFiles(folder).Where(file => IsOfExport(Path.GetFileName(file)) && File.GetLastWriteTimeUtc(file) < TimeProvider.System.GetUtcNow().UtcDateTime.AddDays(-1)))
            {
                File.Delete(file);
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // they only take room
        }

        bool IsOfExport(string name) => name.StartsWith(start, StringComparison.Ordinal) && name.EndsWith(Partial, StringComparison.Ordinal)
            && name.Length > start.Length + Partial.Length && Guid.TryParseExact(name.AsSpan()[start.Length..^Partial.Length], "N", out _);
    }

    private static async Task<long> ImportVectorsAsync(
        VectorCollection<object, Dictionary<string, object?>> collection, string path, ImportOptions options, IProgress<long>? progress, CancellationToken cancellationToken)
    {
        using var reader = VectorFileReader.Open(path, options.Format);
        var definition = collection.GetStatistics().Definition;
        var field = Field(collection, definition, options.VectorField);
        if (reader.Dimensions != field.Dimensions)
        {
            throw new ExchangeException($"the vectors have {reader.Dimensions} elements; the field '{field.Name}' has {field.Dimensions}.", path);
        }

        if (options.KeyFile is null && definition.Key == KeyKind.Guid)
        {
            throw new ExchangeException("the collection's keys are GUIDs; give them in a file.", path);
        }

        var keyStream = options.KeyFile is null ? null : new FileStream(options.KeyFile, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16, FileOptions.Asynchronous);
        await using var closeKeys = ((IAsyncDisposable?)keyStream ?? new MemoryStream()).ConfigureAwait(false);
        var keys = keyStream is null ? null : new LineReader(keyStream, options.KeyFile!);
        List<Dictionary<string, object?>> batch = [];
        for (var row = 0L; row < reader.Count; row++)
        {
            var vector = new float[reader.Dimensions];
            reader.Read(vector);
            var key = keys is not null ? await NextKeyAsync(keys, options.KeyFile!, definition, cancellationToken).ConfigureAwait(false)
                : definition.Key == KeyKind.Text ? (options.FirstKey + row).ToString(CultureInfo.InvariantCulture) : options.FirstKey + row;
            batch.Add(new Dictionary<string, object?>(StringComparer.Ordinal) { [definition.KeyName] = key, [field.Name] = Convert(vector, field, path, row) });
            if (batch.Count == options.BatchSize || row + 1 == reader.Count)
            {
                try
                {
                    await collection.UpsertAsync(batch, cancellationToken).ConfigureAwait(false);
                }
                catch (ArgumentException error)
                {
                    throw new ExchangeException($"one of the vectors {row + 1 - batch.Count} to {row} does not fit the collection: {error.Message}", path, null, error);
                }

                progress?.Report(row + 1);
                batch = [];
            }
        }

        return keys is null || await keys.ReadAsync(cancellationToken).ConfigureAwait(false) is null
            ? reader.Count
            : throw new ExchangeException($"the file has more keys than the {reader.Count} vectors, which were written with the first ones. Are these the keys of another file?", options.KeyFile!, keys.Number);
    }

    private static async Task<object> NextKeyAsync(LineReader keys, string path, CollectionDefinition definition, CancellationToken cancellationToken)
    {
        var line = await keys.ReadAsync(cancellationToken).ConfigureAwait(false) ?? throw new ExchangeException("the file has fewer keys than there are vectors.", path);
        try
        {
            using var json = JsonDocument.Parse(line, new JsonDocumentOptions { MaxDepth = 1 });
            return RecordJson.ReadKey(json.RootElement, definition.Key);
        }
        catch (Exception error) when (error is JsonException or FormatException or InvalidOperationException)
        {
            throw new ExchangeException($"this is no key: {error.Message}", path, keys.Number, error);
        }
    }

    private static VectorField Field(VectorCollection<object, Dictionary<string, object?>> collection, CollectionDefinition definition, string? name) =>
        definition.Vectors.FirstOrDefault(vector => vector.Name == name || (name is null && definition.Vectors.Length == 1))
        ?? throw new ArgumentException(name is null
            ? $"The collection '{collection.Name}' has {definition.Vectors.Length} vector fields; say which one is meant ({string.Join(", ", definition.Vectors.Select(vector => vector.Name))})."
            : $"The collection '{collection.Name}' has no vector field '{name}'; it has {string.Join(", ", definition.Vectors.Select(vector => vector.Name))}.");

    private static object Convert(float[] vector, VectorField field, string path, long row) => field.Element switch
    {
        VectorElement.Int8 => Array.ConvertAll(vector, x => x is >= -128 and <= 127 && x == MathF.Truncate(x) ? (sbyte)x : throw new ExchangeException($"vector {row} has the element {x}; the field '{field.Name}' has whole numbers from -128 to 127.", path)),
        VectorElement.Binary => throw new ArgumentException($"The vectors of '{field.Name}' are bits, which files of floats do not hold; import JSON lines."),
        _ => vector,
    };

    private static float[]? Floats(object? vector) => vector switch
    {
        ReadOnlyMemory<float> floats => floats.ToArray(),
        ReadOnlyMemory<Half> halves => Array.ConvertAll(halves.ToArray(), x => (float)x),
        _ => null,
    };

    private static void WriteKey(Stream? keys, object? key)
    {
        if (keys is null)
        {
            return;
        }

        using (var writer = new Utf8JsonWriter(keys))
        {
            RecordJson.WriteKey(writer, null, key);
        }

        keys.WriteByte((byte)'\n');
    }
}
