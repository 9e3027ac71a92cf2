namespace Abi.Llm.Models;

/// <summary>What sliding blocks do with the scaling of RoPE.</summary>
internal enum SlidingRopeScaling
{
    /// <summary>They scale as the others do.</summary>
    Same,

    /// <summary>Their frequencies are not scaled.</summary>
    FrequenciesUnscaled,

    /// <summary>They rotate without any scaling: neither of frequencies nor of magnitudes.</summary>
    None,
}
