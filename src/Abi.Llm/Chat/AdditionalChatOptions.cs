using System.Collections;
using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using Abi.Llm.Sampling;
using Microsoft.Extensions.AI;

namespace Abi.Llm.Chat;

/// <summary>What <c>ChatOptions.AdditionalProperties</c> may hold: samplers under llama.cpp's names, and the template's variables.</summary>
internal static class AdditionalChatOptions
{
    private static readonly SortedDictionary<string, Func<GenerationOptions, string, object?, GenerationOptions>> Readers = new(StringComparer.Ordinal)
    {
        ["adaptive_decay"] = static (options, key, value) => options with { Sampling = options.Sampling with { AdaptiveDecay = Single(key, value) } },
        ["adaptive_target"] = static (options, key, value) => options with { Sampling = options.Sampling with { AdaptiveTarget = Single(key, value) } },
        ["dry_allowed_length"] = static (options, key, value) => options with { Sampling = options.Sampling with { DryAllowedLength = Integer(key, value) } },
        ["dry_base"] = static (options, key, value) => options with { Sampling = options.Sampling with { DryBase = Single(key, value) } },
        ["dry_multiplier"] = static (options, key, value) => options with { Sampling = options.Sampling with { DryMultiplier = Single(key, value) } },
        ["dry_penalty_last_n"] = static (options, key, value) => options with { Sampling = options.Sampling with { DryWindow = Integer(key, value) } },
        ["dry_sequence_breakers"] = static (options, key, value) => options with { Sampling = options.Sampling with { DrySequenceBreakers = Texts(key, value) } },
        ["dynatemp_exponent"] = static (options, key, value) => options with { Sampling = options.Sampling with { DynamicTemperatureExponent = Single(key, value) } },
        ["dynatemp_range"] = static (options, key, value) => options with { Sampling = options.Sampling with { DynamicTemperatureRange = Single(key, value) } },
        ["ignore_eos"] = static (options, key, value) => options with { IgnoreEndOfGeneration = Flag(key, value) },
        ["logit_bias"] = static (options, key, value) => options with { Sampling = options.Sampling with { LogitBias = Biases(key, value) } },
        ["min_keep"] = static (options, key, value) => options with { Sampling = options.Sampling with { MinimumKept = Integer(key, value) } },
        ["min_p"] = static (options, key, value) => options with { Sampling = options.Sampling with { MinP = Single(key, value) } },
        ["mirostat"] = static (options, key, value) => options with { Sampling = options.Sampling with { Mirostat = Mode(key, value) } },
        ["mirostat_eta"] = static (options, key, value) => options with { Sampling = options.Sampling with { MirostatEta = Single(key, value) } },
        ["mirostat_tau"] = static (options, key, value) => options with { Sampling = options.Sampling with { MirostatTau = Single(key, value) } },
        ["repeat_last_n"] = static (options, key, value) => options with { Sampling = options.Sampling with { PenaltyWindow = Integer(key, value) } },
        ["repeat_penalty"] = static (options, key, value) => options with { Sampling = options.Sampling with { RepetitionPenalty = Single(key, value) } },
        ["tfs_z"] = static (options, key, value) => options with { Sampling = options.Sampling with { TailFreeZ = Single(key, value) } },
        ["top_n_sigma"] = static (options, key, value) => options with { Sampling = options.Sampling with { TopNSigma = Single(key, value) } },
        ["typical_p"] = static (options, key, value) => options with { Sampling = options.Sampling with { TypicalP = Single(key, value) } },
        ["xtc_probability"] = static (options, key, value) => options with { Sampling = options.Sampling with { XtcProbability = Single(key, value) } },
        ["xtc_threshold"] = static (options, key, value) => options with { Sampling = options.Sampling with { XtcThreshold = Single(key, value) } },
    };

    /// <summary>The key of the template's variables.</summary>
    public const string TemplateVariables = "chat_template_kwargs";

    /// <summary>Variables that stand for the conversation and the model; texts in others would otherwise be taken for these.</summary>
    private static readonly string[] Reserved = ["messages", "tools", "bos_token", "eos_token"];

    /// <summary>The keys that are known, in order.</summary>
    public static IEnumerable<string> Keys => Readers.Keys.Append(TemplateVariables).Order(StringComparer.Ordinal);

    public static GenerationOptions Apply(AdditionalPropertiesDictionary? properties, GenerationOptions options, bool ignoresUnknown, ref ImmutableDictionary<string, object?> variables)
    {
        foreach (var (key, value) in properties ?? [])
        {
            if (Readers.TryGetValue(key, out var read))
            {
                options = read(options, key, value);
            }
            else if (key == TemplateVariables)
            {
                variables = variables.SetItems(Entries(key, value).Select(entry => Reserved.Contains(entry.Key)
                    ? throw Wrong(key, $"'{entry.Key}' is what the client itself gives the template; say it with the request's messages and options.")
                    : entry));
            }
            else if (!ignoresUnknown)
            {
                throw Wrong(key, $"there is no such key. There are: {string.Join(", ", Keys)}. Set {nameof(AbiChatClientOptions)}.{nameof(AbiChatClientOptions.IgnoreUnknownProperties)} to have others passed over.");
            }
        }

        return options;
    }

    private static float Single(string key, object? value) => (float)Number(key, value);

    private static int Integer(string key, object? value) =>
        Number(key, value) is var number && number == Math.Floor(number) && Math.Abs(number) <= int.MaxValue ? (int)number : throw Wrong(key, $"'{value}' is not a whole number.");

    private static double Number(string key, object? value) => value switch
    {
        JsonElement { ValueKind: JsonValueKind.Number } element => element.GetDouble(),
        string text when double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) => number,
        int or long or short or byte or float or double or decimal or Half or uint or ulong => Convert.ToDouble(value, CultureInfo.InvariantCulture),
        _ => throw Wrong(key, $"'{value}' is not a number."),
    };

    private static bool Flag(string key, object? value) => value switch
    {
        bool flag => flag,
        JsonElement { ValueKind: JsonValueKind.True or JsonValueKind.False } element => element.GetBoolean(),
        string text when bool.TryParse(text, out var flag) => flag,
        _ => throw Wrong(key, $"'{value}' is neither true nor false."),
    };

    private static MirostatMode Mode(string key, object? value) => value switch
    {
        MirostatMode mode => mode,
        string text when Enum.TryParse<MirostatMode>(text, ignoreCase: true, out var mode) && Enum.IsDefined(mode) => mode,
        _ => Integer(key, value) switch
        {
            0 => default,
            1 => MirostatMode.Version1,
            2 => MirostatMode.Version2,
            _ => throw Wrong(key, $"'{value}' is not 0 (off), 1 or 2."),
        },
    };

    private static ImmutableArray<string> Texts(string key, object? value) => value switch
    {
        IEnumerable<string> texts => [.. texts],
        JsonElement { ValueKind: JsonValueKind.Array } element => [.. element.EnumerateArray().Select(item => item.ValueKind == JsonValueKind.String ? item.GetString()! : throw Wrong(key, "it must be a list of texts."))],
        _ => throw Wrong(key, "it must be a list of texts."),
    };

    private static ImmutableDictionary<int, float> Biases(string key, object? value)
    {
        var biases = ImmutableDictionary.CreateBuilder<int, float>();
        foreach (var (token, bias) in Entries(key, value))
        {
            biases[int.TryParse(token, NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? id : throw Wrong(key, $"'{token}' is not a token id.")] = Single(key, bias);
        }

        return biases.ToImmutable();
    }

    private static IEnumerable<KeyValuePair<string, object?>> Entries(string key, object? value) => value switch
    {
        IEnumerable<KeyValuePair<string, object?>> entries => entries,
        JsonElement { ValueKind: JsonValueKind.Object } element => element.EnumerateObject().Select(property => KeyValuePair.Create(property.Name, (object?)property.Value)),
        IDictionary dictionary => dictionary.Keys.Cast<object>().Select(name => KeyValuePair.Create(Convert.ToString(name, CultureInfo.InvariantCulture)!, dictionary[name])),
        _ => throw Wrong(key, "it must be a dictionary."),
    };

    private static ChatOptionException Wrong(string key, string message) => ChatOptionsReader.Refused($"{nameof(ChatOptions.AdditionalProperties)}[\"{key}\"]", message);
}
