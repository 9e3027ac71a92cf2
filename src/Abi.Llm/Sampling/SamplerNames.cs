namespace Abi.Llm.Sampling;

/// <summary>The names of samplers, as llama.cpp has them: on its command line and in model files.</summary>
public static class SamplerNames
{
    /// <summary>The name of a sampler.</summary>
    public static string Of(SamplerKind kind) => kind switch
    {
        SamplerKind.Penalties => "penalties",
        SamplerKind.Dry => "dry",
        SamplerKind.TopNSigma => "top_n_sigma",
        SamplerKind.TopK => "top_k",
        SamplerKind.Typical => "typ_p",
        SamplerKind.TailFree => "tfs",
        SamplerKind.TopP => "top_p",
        SamplerKind.MinP => "min_p",
        SamplerKind.Xtc => "xtc",
        SamplerKind.Temperature => "temperature",
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "There is no such sampler."),
    };

    /// <summary>The sampler of a name, which may be one of its other names; null for none.</summary>
    public static SamplerKind? Find(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return name.ToLowerInvariant().Replace('-', '_') switch
        {
            "penalties" => SamplerKind.Penalties,
            "dry" => SamplerKind.Dry,
            "top_n_sigma" => SamplerKind.TopNSigma,
            "top_k" => SamplerKind.TopK,
            "typ_p" or "typical_p" or "typical" or "typ" => SamplerKind.Typical,
            "tfs" or "tfs_z" or "tail_free" => SamplerKind.TailFree,
            "top_p" or "nucleus" => SamplerKind.TopP,
            "min_p" => SamplerKind.MinP,
            "xtc" => SamplerKind.Xtc,
            "temperature" or "temp" => SamplerKind.Temperature,
            _ => null,
        };
    }
}
