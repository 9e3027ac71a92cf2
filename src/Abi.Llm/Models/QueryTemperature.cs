namespace Abi.Llm.Models;

/// <summary>How queries grow with their position, so that attention stays sharp over long contexts.</summary>
internal enum QueryTemperature
{
    /// <summary>They do not.</summary>
    None,

    /// <summary>As the keys <c>attention.temperature_scale</c> and <c>attention.temperature_length</c> say; without the length, by RoPE's original context (Mistral).</summary>
    ByKey,

    /// <summary>In blocks that do not rotate: <c>1 + 0.1 ln(1 + floor((p + 1) / 8192))</c> (Llama 4).</summary>
    WithoutRope,
}
