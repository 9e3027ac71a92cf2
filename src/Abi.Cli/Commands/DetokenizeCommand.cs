using System.Buffers;
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

/// <summary>Turns token ids into text.</summary>
internal sealed class DetokenizeCommand : Command
{
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
    private static readonly Option<int[]?> Ids = Options.Ids("--ids", "the ids, separated by commas or spaces");
    private static readonly Option<string?> JsonLines = Options.File("--jsonl", "read one {\"ids\":[…]} a line (`-` is stdin), write one {\"text\":…} a line");
    private static readonly Option<bool> SkipSpecial = Options.Switch("--skip-special", "leave control tokens out instead of printing their texts");
    private static readonly Option<bool> StripSpace = Options.Switch("--strip-space", "take off the space that a SentencePiece tokenizer puts in front of every text");

    /// <inheritdoc/>
    public override string Name => "detokenize";

    /// <inheritdoc/>
    public override string Summary => "Turn token ids into text.";

    /// <inheritdoc/>
    public override ImmutableArray<Argument> Arguments => [ModelOptions.ModelArgument];

    /// <inheritdoc/>
    public override ImmutableArray<OptionGroup> Groups => [new("options", [ModelOptions.Model, Ids, JsonLines, SkipSpecial, StripSpace, ModelOptions.Json])];

    /// <inheritdoc/>
    public override string Remarks => """
        The bytes of the tokens are printed as they are, and a line end behind them. In JSON, bytes that are not UTF-8 become U+FFFD, and "text_hex" has them as they are.
        """;

    /// <inheritdoc/>
    public override Task<int> RunAsync(ParsedArguments arguments, CliConsole console, CancellationToken cancellationToken)
    {
        if (arguments.Has(Ids) == arguments.Has(JsonLines))
        {
            throw new UsageException("Give the ids by one of --ids and --jsonl.");
        }

        using var file = GgufFile.Open(ModelSource.Resolve(arguments.Get(ModelOptions.ModelArgument)), cancellationToken);
        var tokenizer = Tokenizer.FromMetadata(file.Metadata);
        byte[] Decode(int[] ids) => arguments.Get(StripSpace) ? Encoding.UTF8.GetBytes(tokenizer.Decode(ids, arguments.Get(SkipSpecial))) : Join(tokenizer, ids, arguments.Get(SkipSpecial));
        if (arguments.Get(JsonLines) is { } path)
        {
            WriteLines(tokenizer, path, Decode, console, cancellationToken);
            return Task.FromResult(ExitCode.Success);
        }

        var ids = arguments.Get(Ids)!;
        if (ids.FirstOrDefault(id => id >= tokenizer.VocabularySize, -1) is var id and >= 0)
        {
            throw new UsageException($"'--ids' has the id {id}; the model's tokens are 0 to {tokenizer.VocabularySize - 1}.");
        }

        if (arguments.Get(ModelOptions.Json))
        {
            WriteJson(Decode(ids), console);
        }
        else
        {
            console.Output.Write(Decode(ids));
            console.Output.WriteByte((byte)'\n');
        }

        return Task.FromResult(ExitCode.Success);
    }

    private static void WriteLines(Tokenizer tokenizer, string path, Func<int[], byte[]> decode, CliConsole console, CancellationToken cancellationToken)
    {
        using var stream = InputFile.Open(path, console);
        using var reader = new StreamReader(stream, Encoding.UTF8);
        for (var number = 1; reader.ReadLine() is { } line; number++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (string.IsNullOrWhiteSpace(line))
            {
                continue;
            }

            try
            {
                using var json = JsonDocument.Parse(line);
                WriteJson(decode([.. json.RootElement.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())]), console);
            }
            catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or KeyNotFoundException or ArgumentOutOfRangeException)
            {
                throw new AbiException($"Line {number} of '{path}' is not {{\"ids\":[…]}} with ids of 0 to {tokenizer.VocabularySize - 1}: {e.Message}", e);
            }
        }
    }

    private static byte[] Join(Tokenizer tokenizer, int[] ids, bool skipsSpecial)
    {
        var bytes = new ArrayBufferWriter<byte>();
        foreach (var id in ids)
        {
            bytes.Write(tokenizer.TokenBytes(id, special: !skipsSpecial));
        }

        return bytes.WrittenSpan.ToArray();
    }

    private static void WriteJson(byte[] bytes, CliConsole console)
    {
        string? hex = null;
        try
        {
            StrictUtf8.GetCharCount(bytes);
        }
        catch (DecoderFallbackException)
        {
            hex = Convert.ToHexStringLower(bytes);
        }

        CliJson.WriteLine(console, new TextResult(Encoding.UTF8.GetString(bytes), hex), CliJson.Results.TextResult);
    }
}
