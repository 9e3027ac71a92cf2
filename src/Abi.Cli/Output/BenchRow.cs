namespace Abi.Cli.Output;

/// <summary>One test of <c>bench</c>, under the names that llama-bench gives its fields; <see cref="NParallel"/> is ours.</summary>
internal sealed record BenchRow
{
    /// <summary>The version of the tool.</summary>
    public required string BuildCommit { get; init; }

    /// <summary>The processor.</summary>
    public required string CpuInfo { get; init; }

    /// <summary>The device that computed.</summary>
    public required string Backends { get; init; }

    /// <summary>The file.</summary>
    public required string ModelFilename { get; init; }

    /// <summary>Architecture, parameters and format.</summary>
    public required string ModelType { get; init; }

    /// <summary>Bytes of the tensors.</summary>
    public required long ModelSize { get; init; }

    /// <summary>The number of weights.</summary>
    public required long ModelNParams { get; init; }

    /// <summary>The most prompt tokens of one step.</summary>
    public required int NUbatch { get; init; }

    /// <summary>Threads.</summary>
    public required int NThreads { get; init; }

    /// <summary>The format of keys.</summary>
    public required string TypeK { get; init; }

    /// <summary>The format of values.</summary>
    public required string TypeV { get; init; }

    /// <summary>How activations are rounded.</summary>
    public required string Activations { get; init; }

    /// <summary>Prompt tokens read, of each sequence.</summary>
    public required int NPrompt { get; init; }

    /// <summary>Tokens generated, of each sequence.</summary>
    public required int NGen { get; init; }

    /// <summary>Tokens that each sequence held before.</summary>
    public required int NDepth { get; init; }

    /// <summary>Sequences at once.</summary>
    public required int NParallel { get; init; }

    /// <summary>When the test began, UTC, ISO 8601.</summary>
    public required string TestTime { get; init; }

    /// <summary>The mean time of a repetition.</summary>
    public required long AvgNs { get; init; }

    /// <summary>Its standard deviation.</summary>
    public required long StddevNs { get; init; }

    /// <summary>The mean of tokens a second, all sequences together.</summary>
    public required double AvgTs { get; init; }

    /// <summary>Its standard deviation.</summary>
    public required double StddevTs { get; init; }

    /// <summary>The time of every repetition.</summary>
    public required long[] SamplesNs { get; init; }

    /// <summary>Tokens a second of every repetition.</summary>
    public required double[] SamplesTs { get; init; }
}
