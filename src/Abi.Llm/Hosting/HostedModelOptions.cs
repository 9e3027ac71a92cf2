namespace Abi.Llm.Hosting;

/// <summary>A model of a host: which file, how it is run, and what its requests may do.</summary>
/// <remarks>Not thread-safe: set once, before the host is made.</remarks>
public sealed class HostedModelOptions
{
    /// <summary>Which model, how it is run, and what its requests do that say nothing. <see cref="LlmOptions.QueueLimit"/>, <see cref="LlmOptions.TimeLimit"/> and <see cref="LlmOptions.TokenLimit"/> bound them.</summary>
    public LlmOptions Llm { get; set; } = new();

    /// <summary>Whether the model is loaded when the host starts and stays in memory.</summary>
    public bool IsPinned { get; set; }

    /// <summary>The most requests that hold the model at once; more wait, in order. Unset, any number: the engine batches them.</summary>
    public int? MaximumRequests { get; set; }

    /// <summary>The most requests that may wait because of <see cref="MaximumRequests"/>; further ones are a <see cref="QueueFullException"/>. Unset, any number.</summary>
    public int? MaximumWaiting { get; set; }
}
