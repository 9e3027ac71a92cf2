using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using Abi.Cli.CommandLine;
using Abi.Cli.Models;
using Abi.Cli.Output;
using Abi.Cli.Terminal;
using Abi.Llm.Gguf;
using Abi.Llm.Tokenizers;

namespace Abi.Cli.Commands;

/// <summary>Turns text into token ids.</summary>
internal sealed class TokenizeCommand : Command
{
    private static readonly Option<string?> Text = Options.Text("-p --prompt --text", "TEXT", "the text");
    private static readonly Option<string?> File = Options.File("-f --file", "read the text from a file (`-` is stdin); its bytes are taken as they are, UTF-8 or not");
    private static readonly Option<string?> JsonLines = Options.File("--jsonl", "read one {\"text\":…,\"special\":true|false} a line (`-` is stdin), write one {\"ids\":[…]} a line");
    private static readonly Option<bool> NoBegin = Options.Switch("--no-bos", "do not add the beginning and end tokens that the model asks for");
    private static readonly Option<bool> NoSpecial = Options.Switch("--no-parse-special", "treat the texts of control tokens as plain text");
    private static readonly Option<bool> Pieces = Options.Switch("--pieces", "print a line for each id, with the text it stands for");
    private static readonly Option<bool> Count = Options.Switch("--count --show-count", "print the number of ids only");

    /// <inheritdoc/>
    public override string Name => "tokenize";

    /// <inheritdoc/>
    public override string Summary => "Turn text into token ids.";

    /// <inheritdoc/>
    public override ImmutableArray<Argument> Arguments => [ModelOptions.ModelArgument];

    /// <inheritdoc/>
    public override ImmutableArray<OptionGroup> Groups =>
    [
        new("options", [ModelOptions.Model, Text, File, JsonLines, NoBegin, NoSpecial, Pieces, Count, ModelOptions.Json]),
    ];

    /// <inheritdoc/>
    public override string Remarks => """
        Beginning and end tokens are added as the model asks, and texts of control tokens become those tokens, as when generating; --no-bos and --no-parse-special turn that off.
        A line of --jsonl decides for itself: "special":true means both, "special":false neither, and a line without it follows the options. Instead of "text" it may have "bytes_hex", for bytes that are not UTF-8.
        """;

    /// <inheritdoc/>
    public override Task<int> RunAsync(ParsedArguments arguments, CliConsole console, CancellationToken cancellationToken)
    {
        if (new Option[] { Text, File, JsonLines }.Count(arguments.Has) != 1)
        {
            throw new UsageException("Give the text by one of --text, --file and --jsonl.");
        }

        using var file = GgufFile.Open(ModelSource.Resolve(arguments.Get(ModelOptions.ModelArgument)), cancellationToken);
        var tokenizer = Tokenizer.FromMetadata(file.Metadata);
        var (adds, parses) = (!arguments.Get(NoBegin), !arguments.Get(NoSpecial));
        if (arguments.Get(JsonLines) is { } lines)
        {
            WriteLines(tokenizer, lines, adds, parses, console, cancellationToken);
            return Task.FromResult(ExitCode.Success);
        }

        var ids = arguments.Get(File) is { } path ? tokenizer.Encode(InputFile.ReadBytes(path, console), adds, parses) : tokenizer.Encode(arguments.Get(Text)!, adds, parses);
        if (arguments.Get(ModelOptions.Json))
        {
            ImmutableArray<string>? pieces = arguments.Get(Pieces) ? [.. ids.Select(id => Piece(tokenizer, id))] : null;
            CliJson.WriteLine(console, new TokenizeResult(ids, pieces), CliJson.Results.TokenizeResult);
        }
        else if (arguments.Get(Count))
        {
            console.Out.WriteLine(ids.Length);
        }
        else if (arguments.Get(Pieces))
        {
            foreach (var id in ids)
            {
                console.Out.WriteLine($"{id,7} {JsonSerializer.Serialize(Piece(tokenizer, id), CliJson.Results.String)}");
            }
        }
        else
        {
            console.Out.WriteLine(string.Join(',', ids));
        }

        return Task.FromResult(ExitCode.Success);
    }

    private static string Piece(Tokenizer tokenizer, int id) => Encoding.UTF8.GetString(tokenizer.TokenBytes(id, special: true));

    private static void WriteLines(Tokenizer tokenizer, string path, bool adds, bool parses, CliConsole console, CancellationToken cancellationToken)
    {
        using var stream = InputFile.Open(path, console);
        using var reader = new StreamReader(stream, Encoding.UTF8);
        List<int> ids = [];
        for (var number = 1; reader.ReadLine() is { } line; number++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (string.IsNullOrWhiteSpace(line))
            {
                continue;
            }

            var (bytes, special) = ParseLine(line, path, number);
            ids.Clear();
            tokenizer.Encode(bytes, ids, special ?? adds, special ?? parses);
            CliJson.WriteLine(console, new TokenizeResult([.. ids]), CliJson.Results.TokenizeResult);
        }
    }

    private static (byte[] Text, bool? Special) ParseLine(string line, string path, int number)
    {
        try
        {
            using var json = JsonDocument.Parse(line);
            var root = json.RootElement;
            var bytes = root.TryGetProperty("text", out var text) ? Encoding.UTF8.GetBytes(text.GetString() ?? throw new InvalidOperationException("'text' is null."))
                : root.TryGetProperty("bytes_hex", out var hex) ? Convert.FromHexString(hex.GetString()!)
                : throw new InvalidOperationException("there is neither 'text' nor 'bytes_hex'.");
            return (bytes, root.TryGetProperty("special", out var special) ? special.GetBoolean() : null);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or ArgumentNullException)
        {
            throw new AbiException($"Line {number} of '{path}' is not {{\"text\":…,\"special\":true|false}}: {e.Message}", e);
        }
    }
}
