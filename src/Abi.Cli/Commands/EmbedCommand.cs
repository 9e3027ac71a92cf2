using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Abi.Cli.CommandLine;
using Abi.Cli.Models;
using Abi.Cli.Output;
using Abi.Cli.Terminal;
using Abi.Llm;
using Abi.Llm.Models;

namespace Abi.Cli.Commands;

/// <summary>Turns texts into vectors.</summary>
internal sealed class EmbedCommand : Command
{
    /// <summary>How many texts of a file are computed together.</summary>
    private const int BatchSize = 64;

    private static readonly Option<string?> Text = Options.Text("-p --prompt --text", "TEXT", "the text");
    private static readonly Option<int[]?> Ids = Options.Ids("--ids", "the tokens instead, taken as they are");
    private static readonly Option<string?> JsonLines = Options.File("--jsonl", "read one {\"text\":…} or {\"ids\":[…]} a line (`-` is stdin), write one JSON object a line");
    private static readonly Option<string?> Pooling = new(["--pooling"], "KIND", "how the vectors of tokens become one", null, text => text.ToLowerInvariant())
    {
        Choices = ["none", "mean", "cls", "last", "rank"],
        DefaultText = "as the model declares",
    };

    private static readonly Option<bool> Normalize = Options.Switch("--normalize", "scale every vector to the length 1");
    private static readonly Option<int?> Dimensions = Options.OptionalInteger("--dimensions", "keep so many of the first components, for models trained to be cut", minimum: 1);
    private static readonly Option<bool> Truncate = Options.Switch("--truncate", "cut a text that is longer than the context, instead of failing");
    private static readonly Option<bool> NoBegin = Options.Switch("--no-bos", "do not add the special tokens that the model asks for");
    private static readonly Option<bool> NoSpecial = Options.Switch("--no-parse-special", "treat the texts of control tokens as plain text");
    private static readonly Option<string?> Output = Options.File("-o --output", "write a .npy file: float32, [width] or, without pooling, [tokens, width]");

    /// <inheritdoc/>
    public override string Name => "embed";

    /// <inheritdoc/>
    public override string Summary => "Turn text into vectors.";

    /// <inheritdoc/>
    public override ImmutableArray<Argument> Arguments => [ModelOptions.ModelArgument];

    /// <inheritdoc/>
    public override ImmutableArray<OptionGroup> Groups =>
    [
        new("options", [Text, Ids, JsonLines, Pooling, Normalize, Dimensions, Truncate, NoBegin, NoSpecial, Output, ModelOptions.Json]),
        new("model", [ModelOptions.Model, ModelOptions.Context, ModelOptions.Threads, ModelOptions.Activations, ModelOptions.CacheType, ModelOptions.ValueCacheType, ModelOptions.Batch]),
    ];

    /// <inheritdoc/>
    public override string Remarks => """
        Prints a line of numbers for each vector. In JSON, "embedding" is the vector, and without pooling "embeddings" the vector of every token. Vectors are not normalised unless asked for.
        """;

    /// <inheritdoc/>
    public override async Task<int> RunAsync(ParsedArguments arguments, CliConsole console, CancellationToken cancellationToken)
    {
        if (new Option[] { Text, Ids, JsonLines }.Count(arguments.Has) != 1)
        {
            throw new UsageException("Give the text by one of --text, --ids and --jsonl.");
        }

        var output = arguments.Get(Output);
        if (output is not null && arguments.Has(JsonLines))
        {
            throw new UsageException("'--output' is for one text; '--jsonl' has many.");
        }

        if (output is not null)
        {
            OutputFile.RequireWritable(output);
        }

        var loaded = await LoadedModel.OpenAsync(arguments, console, cancellationToken: cancellationToken).ConfigureAwait(false);
        await using var _ = loaded.ConfigureAwait(false);
        var options = new EmbeddingOptions
        {
            Pooling = arguments.Get(Pooling) is { } pooling ? Enum.Parse<EmbeddingPooling>(pooling, ignoreCase: true) : null,
            Normalize = arguments.Get(Normalize),
            Dimensions = arguments.Get(Dimensions),
            Truncate = arguments.Get(Truncate),
            AddSpecialTokens = !arguments.Get(NoBegin),
            ParseSpecialTokens = !arguments.Get(NoSpecial),
        };
        if (arguments.Get(JsonLines) is { } path)
        {
            await WriteLinesAsync(loaded, path, options, console, cancellationToken).ConfigureAwait(false);
            return ExitCode.Success;
        }

        var ids = arguments.Get(Ids) ?? Encode(loaded, arguments.Get(Text)!, options);
        loaded.CheckIds(ids, Ids.Name);
        var result = (await EmbedAsync(loaded, [ids], options, cancellationToken).ConfigureAwait(false))[0];
        if (output is not null)
        {
            await NpyWriter.WriteAsync(output, result.Pooling == EmbeddingPooling.None ? [result.Rows, result.Width] : [result.Width], result.Values).ConfigureAwait(false);
        }

        if (arguments.Get(ModelOptions.Json))
        {
            WriteJson(console, result);
        }
        else if (output is null)
        {
            for (var row = 0; row < result.Rows; row++)
            {
                console.Out.WriteLine(string.Join(' ', MemoryMarshal.ToEnumerable(result.Row(row)).Select(value => value.ToString(CultureInfo.InvariantCulture))));
            }
        }

        return ExitCode.Success;
    }

    private static int[] Encode(LoadedModel loaded, string text, EmbeddingOptions options) => loaded.Model.Tokenizer.Encode(text, options.AddSpecialTokens, options.ParseSpecialTokens);

    private static async Task<ImmutableArray<EmbeddingResult>> EmbedAsync(LoadedModel loaded, IReadOnlyList<int[]> texts, EmbeddingOptions options, CancellationToken cancellationToken)
    {
        if (texts.Any(ids => ids.Length == 0))
        {
            throw new AbiException("A text has no tokens, so there is nothing to embed.");
        }

        try
        {
            return await loaded.Model.Engine.EmbedAsync([.. texts.Select(ids => new ReadOnlyMemory<int>(ids))], options, cancellationToken).ConfigureAwait(false);
        }
        catch (NotSupportedException e)
        {
            throw new UnsupportedModelException(e.Message);
        }
    }

    private static async Task WriteLinesAsync(LoadedModel loaded, string path, EmbeddingOptions options, CliConsole console, CancellationToken cancellationToken)
    {
        using var stream = InputFile.Open(path, console);
        using var reader = new StreamReader(stream, Encoding.UTF8);
        List<int[]> batch = [];
        var number = 0;
        while (true)
        {
            var line = await reader.ReadLineAsync(cancellationToken).ConfigureAwait(false);
            number++;
            if (!string.IsNullOrWhiteSpace(line))
            {
                batch.Add(ParseLine(loaded, line, path, number, options));
            }

            if (batch.Count > 0 && (batch.Count == BatchSize || line is null))
            {
                foreach (var result in await EmbedAsync(loaded, batch, options, cancellationToken).ConfigureAwait(false))
                {
                    WriteJson(console, result);
                }

                batch.Clear();
            }

            if (line is null)
            {
                return;
            }
        }
    }

    private static int[] ParseLine(LoadedModel loaded, string line, string path, int number, EmbeddingOptions options)
    {
        try
        {
            using var json = JsonDocument.Parse(line);
            var root = json.RootElement;
            int[] ids = root.TryGetProperty("ids", out var given) ? [.. given.EnumerateArray().Select(id => id.GetInt32())] : root.TryGetProperty("text", out var text) ? Encode(loaded, text.GetString() ?? "", options) : throw new FormatException("it has neither name.");
            return Array.TrueForAll(ids, id => id >= 0 && id < loaded.Model.Tokenizer.VocabularySize) ? ids : throw new FormatException($"the model's tokens are 0 to {loaded.Model.Tokenizer.VocabularySize - 1}.");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            throw new AbiException($"Line {number} of '{path}' is not {{\"text\":…}} or {{\"ids\":[…]}}: {e.Message}", e);
        }
    }

    private static void WriteJson(CliConsole console, EmbeddingResult result)
    {
        var isNone = result.Pooling == EmbeddingPooling.None;
        ImmutableArray<float[]>? rows = isNone ? [.. Enumerable.Range(0, result.Rows).Select(row => result.Row(row).ToArray())] : null;
        CliJson.WriteLine(console, new EmbedResult(result.Pooling.ToString().ToLowerInvariant(), result.TokenCount, isNone ? null : result.Values.ToArray(), rows), CliJson.Results.EmbedResult);
    }
}
