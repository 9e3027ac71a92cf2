namespace Abi.Llm.Downloads;

/// <summary>Where models come from and how patiently.</summary>
/// <remarks>Immutable and thread-safe.</remarks>
public sealed record ModelDownloaderOptions
{
    /// <summary>The server that repositories are on.</summary>
    public Uri Endpoint { get; init; } = new("https://huggingface.co");

    /// <summary>The access token, for private and gated repositories. It is sent to <see cref="Endpoint"/> and to nobody else.</summary>
    public string? Token { get; init; }

    /// <summary>How often a broken download goes on without having got a byte further in between.</summary>
    public int Retries { get; init; } = 4;

    /// <summary>The wait before the first retry; each further one waits twice as long, and as long as the server asks.</summary>
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>After how long without a byte a connection counts as broken.</summary>
    public TimeSpan StallTimeout { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>The options that the environment asks for: <c>HF_ENDPOINT</c> and <c>HF_TOKEN</c>.</summary>
    /// <exception cref="AbiException"><c>HF_ENDPOINT</c> is not an address.</exception>
    public static ModelDownloaderOptions FromEnvironment()
    {
        var options = new ModelDownloaderOptions { Token = Environment.GetEnvironmentVariable("HF_TOKEN") is { Length: > 0 } token ? token.Trim() : null };
        if (Environment.GetEnvironmentVariable("HF_ENDPOINT") is not { Length: > 0 } text)
        {
            return options;
        }

        return Uri.TryCreate(text, UriKind.Absolute, out var endpoint) && endpoint.Scheme is "http" or "https"
            ? options with { Endpoint = endpoint }
            : throw new AbiException($"The variable HF_ENDPOINT is '{text}'; it must be an address that begins with http:// or https://.");
    }
}
