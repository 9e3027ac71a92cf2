namespace Abi.Llm.Sampling;

/// <summary>Whether sampling steers towards a target surprise (paper: Basu et al. 2020, "Mirostat").</summary>
public enum MirostatMode
{
    /// <summary>No.</summary>
    Off,

    /// <summary>Version 1: estimates the Zipf exponent and picks k.</summary>
    Version1,

    /// <summary>Version 2: cuts tokens whose surprise is above the running bound.</summary>
    Version2,
}
