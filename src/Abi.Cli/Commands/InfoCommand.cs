using System.Collections.Immutable;
using System.Text.Encodings.Web;
using System.Text.Json;
using Abi.Cli.CommandLine;
using Abi.Cli.Models;
using Abi.Cli.Output;
using Abi.Cli.Terminal;
using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Llm.Gguf;

namespace Abi.Cli.Commands;

/// <summary>Tells what is in a model file.</summary>
internal sealed class InfoCommand : Command
{
    private const int ValueWidth = 80;

    private static readonly Option<bool> Plan = Options.Switch("--plan", "print the forward pass as a graph, and what the device makes of it");
    private static readonly Option<string?> Key = Options.Text("--key", "NAME", "print the value of one metadata key, whole, and nothing else");
    private static readonly Option<bool> Full = Options.Switch("--full", "print long metadata values whole");

    /// <inheritdoc/>
    public override string Name => "info";

    /// <inheritdoc/>
    public override string Summary => "Tell what is in a model file: metadata, tensors, sizes, estimated memory.";

    /// <inheritdoc/>
    public override ImmutableArray<Argument> Arguments => [ModelOptions.ModelArgument];

    /// <inheritdoc/>
    public override ImmutableArray<OptionGroup> Groups =>
    [
        new("options", [Plan, Key, Full, ModelOptions.Json]),
        new("model", [ModelOptions.Model, ModelOptions.Context, ModelOptions.Threads, ModelOptions.Activations, ModelOptions.CacheType, ModelOptions.ValueCacheType, ModelOptions.Batch]),
    ];

    /// <inheritdoc/>
    public override string Remarks => "Works on any GGUF file, also on a vocabulary alone and on architectures that cannot be run.";

    /// <inheritdoc/>
    public override Task<int> RunAsync(ParsedArguments arguments, CliConsole console, CancellationToken cancellationToken)
    {
        var path = ModelSource.Resolve(arguments.Get(ModelOptions.ModelArgument));
        using var file = GgufFile.Open(path, cancellationToken);
        if (arguments.Get(Key) is { } key)
        {
            WriteValue(console, file.Metadata.TryGet(key, out var value) ? value : throw new AbiException($"'{path}' has no metadata key '{key}'."), arguments.Get(ModelOptions.Json));
            return Task.FromResult(ExitCode.Success);
        }

        var keyType = ModelOptions.ReadCacheType(arguments.Get(ModelOptions.CacheType), file.Tensors.All(tensor => tensor.Type == TensorType.F32));
        var valueType = ModelOptions.ReadValueCacheType(arguments) ?? keyType;
        using var device = arguments.Get(Plan) ? ComputeDevice.Create(arguments.Get(ModelOptions.Threads)) : null;
        var lowering = new LoweringOptions
        {
            Activations = ModelOptions.ReadActivations(arguments),
            MaximumRows = arguments.Get(ModelOptions.Batch),
        };
        var info = ModelInfo.Create(path, file, arguments.Get(ModelOptions.Context), keyType, valueType, device, lowering);
        if (arguments.Get(Plan) && info.Problem is { } problem)
        {
            throw new UnsupportedModelException(problem);
        }

        if (arguments.Get(ModelOptions.Json))
        {
            InfoJson.Write(console, info, arguments.Get(Full));
        }
        else if (arguments.Get(Plan))
        {
            WritePlans(console.Out, info);
        }
        else
        {
            WriteSummary(console.Out, info);
            WriteMetadata(console.Out, info, arguments.Get(Full));
            WriteTensors(console.Out, info);
        }

        return Task.FromResult(ExitCode.Success);
    }

    private static void WriteSummary(TextWriter writer, ModelInfo info)
    {
        void Row(string name, string text) => writer.WriteLine($"{name,-14} {text}");
        Row("file", info.Path);
        Row("format", $"GGUF version {info.File.Version}, {Sizes.Bytes(info.File.ByteLength)}");
        Row("name", OneLine(info.File.Metadata.TryGet("general.name", out var name) ? name.ToString()! : "", ValueWidth));
        Row("architecture", info.Architecture);
        Row("runs", info.Problem is null ? $"yes, as {info.Definition!.Kind switch { Abi.Llm.Models.ModelKind.Encoder => "an encoder", Abi.Llm.Models.ModelKind.EncoderDecoder => "an encoder and decoder", _ => "a decoder" }}" : $"no. {info.Problem}");
        Row("parameters", $"{Sizes.Count(info.Parameters)} ({info.Parameters})");
        Row("tensors", $"{info.File.Tensors.Count}{string.Concat(info.Types.Select(type => $"; {type.Count} {type.Type}, {Sizes.Bytes(type.Bytes)}"))}");
        Row("vocabulary", $"{info.VocabularySize} tokens");
        if (info.Definition is { } definition)
        {
            var numbers = definition.Hyperparameters;
            Row("shape", $"{numbers.BlockCount} blocks of width {numbers.EmbeddingLength}, context {numbers.ContextLength}{(numbers.ExpertCount > 0 ? $", {numbers.ExpertUsedCount} of {numbers.ExpertCount} experts" : "")}");
        }

        if (info.Memory is { } memory)
        {
            Row("memory", $"about {Sizes.Bytes(memory.Total)} for a context of {memory.ContextLength}: weights {Sizes.Bytes(memory.Weights)}, keys and values {Sizes.Bytes(memory.Cache)}, recurrent state {Sizes.Bytes(memory.Recurrent)}, scratch {Sizes.Bytes(memory.Scratch)}");
        }
    }

    private static void WriteMetadata(TextWriter writer, ModelInfo info, bool isFull)
    {
        writer.WriteLine();
        writer.WriteLine($"metadata ({info.File.Metadata.Keys.Length}):");
        var width = Math.Min(48, info.File.Metadata.Keys.Select(key => key.Length).DefaultIfEmpty().Max());
        foreach (var key in info.File.Metadata.Keys)
        {
            var value = info.File.Metadata.Get(key);
            writer.WriteLine($"  {key.PadRight(width)}  {Type(value),-15} {OneLine(Text(value, isFull), isFull ? int.MaxValue : ValueWidth)}");
        }
    }

    private static void WriteTensors(TextWriter writer, ModelInfo info)
    {
        writer.WriteLine();
        writer.WriteLine($"tensors ({info.File.Tensors.Count}):");
        var width = Math.Min(48, info.File.Tensors.Select(tensor => tensor.Name.Length).DefaultIfEmpty().Max());
        foreach (var tensor in info.File.Tensors)
        {
            writer.WriteLine($"  {tensor.Name.PadRight(width)}  {tensor.Type,-8} {$"[{string.Join(", ", tensor.Shape)}]",-20} {Sizes.Bytes(tensor.ByteLength),12}");
        }
    }

    private static void WritePlans(TextWriter writer, ModelInfo info)
    {
        foreach (var plan in info.Plans)
        {
            writer.WriteLine($"{plan.Name}: the graph, {plan.Graph.Length} operations");
            foreach (var line in plan.Graph)
            {
                writer.WriteLine($"  {line}");
            }

            writer.WriteLine();
            writer.WriteLine($"{plan.Name}: the plan of the device '{plan.Device}', {plan.Stages.Length} stages, {Sizes.Bytes(plan.ScratchBytes)} of scratch");
            foreach (var line in plan.Stages)
            {
                writer.WriteLine($"  {line}");
            }

            writer.WriteLine();
        }
    }

    private static void WriteValue(CliConsole console, GgufValue value, bool isJson)
    {
        if (!isJson && value.Type == GgufValueType.String)
        {
            console.Output.Write(value.Bytes);
        }
        else
        {
            using var json = new Utf8JsonWriter(console.Output, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
            InfoJson.WriteValue(json, value, isFull: true);
        }

        console.Output.WriteByte((byte)'\n');
    }

    private static string Type(GgufValue value) => value.Type == GgufValueType.Array ? $"{value.ElementType}[{value.Count}]" : value.Type.ToString();

    private static string Text(GgufValue value, bool isFull)
    {
        if (value.Type != GgufValueType.Array)
        {
            return value.Type == GgufValueType.Float32 ? ((float)value.AsDouble()).ToString(System.Globalization.CultureInfo.InvariantCulture) : value.ToString()!;
        }

        var shown = isFull ? value.Count : 8;
        IEnumerable<string> elements;
        try
        {
            elements = value.ElementType switch
            {
                GgufValueType.String => value.AsStringArray().Select(text => $"'{text}'"),
                GgufValueType.Boolean => value.AsInt32Array().Select(flag => flag != 0 ? "true" : "false"),
                GgufValueType.Float32 or GgufValueType.Float64 => value.AsSingleArray().Select(number => number.ToString(System.Globalization.CultureInfo.InvariantCulture)),
                _ => value.AsInt32Array().Select(number => number.ToString(System.Globalization.CultureInfo.InvariantCulture)),
            };
        }
        catch (InvalidOperationException)
        {
            return "[…]"; // arrays of arrays, and integers beyond 32 bits
        }

        elements = elements.Take(shown);
        return $"[{string.Join(", ", elements)}{(value.Count > shown ? ", …" : "")}]";
    }

    /// <summary>A text on one line: control characters as escapes, cut where it is too long.</summary>
    private static string OneLine(string text, int width)
    {
        var line = string.Concat(text.Take(Math.Min(text.Length, width)).Select(c => c switch { '\n' => "\\n", '\r' => "\\r", '\t' => "\\t", _ when char.IsControl(c) => $"\\u{(int)c:x4}", _ => c.ToString() }));
        return text.Length > width ? $"{line}…" : line;
    }
}
