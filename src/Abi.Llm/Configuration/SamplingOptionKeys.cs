using System.Collections.Immutable;
using System.Globalization;
using Abi.Llm.Sampling;
using Microsoft.Extensions.Configuration;
using static Abi.Llm.Configuration.OptionValue;

namespace Abi.Llm.Configuration;

/// <summary>The keys of a section of sampling options: all but the processors, which only code can give.</summary>
internal static class SamplingOptionKeys
{
    /// <summary>Every key: how it is read.</summary>
    internal static IReadOnlyDictionary<string, Func<IConfigurationSection, SamplingOptions, SamplingOptions>> Keys { get; } =
        new Dictionary<string, Func<IConfigurationSection, SamplingOptions, SamplingOptions>>(StringComparer.OrdinalIgnoreCase)
        {
            [nameof(SamplingOptions.Temperature)] = static (section, options) => options with { Temperature = Number<float>(section) },
            [nameof(SamplingOptions.DynamicTemperatureRange)] = static (section, options) => options with { DynamicTemperatureRange = Number<float>(section) },
            [nameof(SamplingOptions.DynamicTemperatureExponent)] = static (section, options) => options with { DynamicTemperatureExponent = Number<float>(section) },
            [nameof(SamplingOptions.TopK)] = static (section, options) => options with { TopK = Number<int>(section) },
            [nameof(SamplingOptions.TopP)] = static (section, options) => options with { TopP = Number<float>(section) },
            [nameof(SamplingOptions.MinP)] = static (section, options) => options with { MinP = Number<float>(section) },
            [nameof(SamplingOptions.TypicalP)] = static (section, options) => options with { TypicalP = Number<float>(section) },
            [nameof(SamplingOptions.TailFreeZ)] = static (section, options) => options with { TailFreeZ = Number<float>(section) },
            [nameof(SamplingOptions.TopNSigma)] = static (section, options) => options with { TopNSigma = Number<float>(section) },
            [nameof(SamplingOptions.XtcProbability)] = static (section, options) => options with { XtcProbability = Number<float>(section) },
            [nameof(SamplingOptions.XtcThreshold)] = static (section, options) => options with { XtcThreshold = Number<float>(section) },
            [nameof(SamplingOptions.MinimumKept)] = static (section, options) => options with { MinimumKept = Number<int>(section) },
            [nameof(SamplingOptions.PenaltyWindow)] = static (section, options) => options with { PenaltyWindow = Number<int>(section) },
            [nameof(SamplingOptions.RepetitionPenalty)] = static (section, options) => options with { RepetitionPenalty = Number<float>(section) },
            [nameof(SamplingOptions.FrequencyPenalty)] = static (section, options) => options with { FrequencyPenalty = Number<float>(section) },
            [nameof(SamplingOptions.PresencePenalty)] = static (section, options) => options with { PresencePenalty = Number<float>(section) },
            [nameof(SamplingOptions.DryMultiplier)] = static (section, options) => options with { DryMultiplier = Number<float>(section) },
            [nameof(SamplingOptions.DryBase)] = static (section, options) => options with { DryBase = Number<float>(section) },
            [nameof(SamplingOptions.DryAllowedLength)] = static (section, options) => options with { DryAllowedLength = Number<int>(section) },
            [nameof(SamplingOptions.DryWindow)] = static (section, options) => options with { DryWindow = Number<int>(section) },
            [nameof(SamplingOptions.DrySequenceBreakers)] = static (section, options) => options with { DrySequenceBreakers = [.. Elements(section).Select(Text)] },
            [nameof(SamplingOptions.Mirostat)] = static (section, options) => options with { Mirostat = Choice<MirostatMode>(section) },
            [nameof(SamplingOptions.MirostatTau)] = static (section, options) => options with { MirostatTau = Number<float>(section) },
            [nameof(SamplingOptions.MirostatEta)] = static (section, options) => options with { MirostatEta = Number<float>(section) },
            [nameof(SamplingOptions.AdaptiveTarget)] = static (section, options) => options with { AdaptiveTarget = Number<float>(section) },
            [nameof(SamplingOptions.AdaptiveDecay)] = static (section, options) => options with { AdaptiveDecay = Number<float>(section) },
            [nameof(SamplingOptions.LogitBias)] = static (section, options) => options with { LogitBias = Biases(section) },
            [nameof(SamplingOptions.Order)] = static (section, options) => options with { Order = [.. Elements(section).Select(Choice<SamplerKind>)] },
            [nameof(SamplingOptions.Seed)] = static (section, options) => options with { Seed = Number<long>(section) },
        };

    /// <summary>The options with what the section gives.</summary>
    /// <exception cref="InvalidOperationException">A key is unknown or a value cannot be read; the message names the key.</exception>
    internal static SamplingOptions Bind(IConfigurationSection section, SamplingOptions options)
    {
        foreach (var child in section.GetChildren())
        {
            options = Keys.TryGetValue(child.Key, out var read) ? read(child, options) : throw Unknown(child, Keys.Keys);
        }

        return options;
    }

    /// <summary>Records the first option that is wrong.</summary>
    internal static void Check(SamplingOptions options, OptionsCheck check, string section)
    {
        var (option, found, expected) = options.FindProblem();
        check.Require(option.Length == 0, $"{section}:{option}", found, expected);
    }

    private static ImmutableDictionary<int, float> Biases(IConfigurationSection section) => Elements(section).ToImmutableDictionary(
        static child => int.TryParse(child.Key, NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? id : throw new InvalidOperationException($"'{child.Path}' names no token: its last part must be a token id."),
        Number<float>);
}
