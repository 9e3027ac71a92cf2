using System.Collections.Immutable;
using Abi.Cli.CommandLine;
using Abi.Compute.Devices;
using Abi.Compute.Formats;

namespace Abi.Cli.Models;

/// <summary>The options of commands that open a model, with the names of llama.cpp.</summary>
internal static class ModelOptions
{
    /// <summary>The formats of keys and values, as llama.cpp writes them.</summary>
    public static readonly ImmutableArray<string> CacheTypes = [.. StateOptions.CacheTypes.Select(static type => type.ToString().ToLowerInvariant())];

    /// <summary>Adapters, with a scale behind an equals sign.</summary>
    public static readonly Option<string> Lora = Options.Texts("--lora", "FILE[=SCALE]", "a LoRA adapter to apply, GGUF or a PEFT folder, and what its changes are multiplied by");

    /// <summary>Control vectors, with a scale behind an equals sign.</summary>
    public static readonly Option<string> ControlVector = Options.Texts("--control-vector", "FILE[=SCALE]", "a control vector to add, GGUF, and what its directions are multiplied by");

    /// <summary>The model, by name.</summary>
    public static readonly Option<string?> Model = Options.File("-m --model", "the model, instead of as an argument", "MODEL");

    /// <summary>The model, by place.</summary>
    public static readonly Argument ModelArgument = new("MODEL", "a GGUF file, a pulled model (owner/repo:TYPE), or `stories`")
    {
        TakesFile = true,
        Alternative = Model,
        Suggestions = ["stories"],
    };

    /// <summary>More threads than any machine is served by: a slip is an error, and not so many threads.</summary>
    public const int MostThreads = 1024;

    /// <summary>Threads that compute.</summary>
    public static readonly Option<int?> Threads = Options.OptionalInteger("-t --threads", "threads that compute", "one a core", minimum: 1, maximum: MostThreads);

    /// <summary>The context.</summary>
    public static readonly Option<int?> Context = Options.OptionalInteger("-c --ctx-size", "the most tokens of a text; 0 is the model's own length", "by the memory rule", minimum: 0);

    /// <summary>The rows of one step.</summary>
    public static readonly Option<int> Batch = Options.Integer("-ub --ubatch-size", "the most prompt tokens computed in one step", 512, minimum: 1);

    /// <summary>How activations are rounded.</summary>
    public static readonly Option<string> Activations = Options.Choice(
        "--activations", "KIND", "how activations are rounded before they meet quantised weights, with bf16 also F16 and BF16 ones", "int8", "exact", "int8", "bf16");

    /// <summary>The format of keys and values. F32 weights are met by F32 keys and values, so that nothing at all is rounded.</summary>
    public static readonly Option<string> CacheType = Options.Choice(
        "-ctk --cache-type-k --cache-type", "TYPE", "the format of keys, and of values unless -ctv says another; auto is f32 for a model of F32 weights and f16 for others", "auto", ["auto", .. CacheTypes]);

    /// <summary>The format of values.</summary>
    public static readonly Option<string?> ValueCacheType = new(["-ctv", "--cache-type-v"], "TYPE", "the format of values", null, text => text.ToLowerInvariant())
    {
        Choices = CacheTypes, DefaultText = "that of keys",
    };

    /// <summary>How activations are to be rounded.</summary>
    public static ActivationPrecision ReadActivations(ParsedArguments arguments) => Enum.Parse<ActivationPrecision>(arguments.Get(Activations), ignoreCase: true);

    /// <summary>The format that the option's text names.</summary>
    /// <param name="text">What was given; <c>auto</c> chooses by the weights.</param>
    /// <param name="isFloat">Whether all weights are F32.</param>
    public static TensorType ReadCacheType(string text, bool isFloat = false) =>
        text == "auto" ? (isFloat ? TensorType.F32 : TensorType.F16) : Enum.Parse<TensorType>(text, ignoreCase: true);

    /// <summary>The format of values that was given, or null.</summary>
    public static TensorType? ReadValueCacheType(ParsedArguments arguments) => arguments.Get(ValueCacheType) is { } text ? ReadCacheType(text) : null;

    /// <summary>Results as JSON.</summary>
    public static readonly Option<bool> Json = Options.Switch("--json", "print the result as JSON");
}
