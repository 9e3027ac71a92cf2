using Microsoft.Extensions.AI;

namespace Abi.Llm.Chat;

/// <summary>How far <see cref="ToolLoopChatClient"/> goes.</summary>
/// <remarks>Immutable and thread-safe, as far as what it holds is.</remarks>
public sealed record ToolLoopOptions
{
    /// <summary>The most rounds in which tools are called for one request. After the last one the model answers once more; calls that it makes then are returned, not carried out.</summary>
    public int MaximumRounds { get; init; } = 10;

    /// <summary>The most calls of one round; the model is told that those beyond it were not made.</summary>
    public int MaximumCallsPerRound { get; init; } = 16;

    /// <summary>Whether calls of one round run at the same time; the functions must allow it.</summary>
    public bool AllowConcurrentCalls { get; init; }

    /// <summary>How long one call may take; unset, as long as the caller's token allows. The model is told of one that took too long. A function that does not heed its token is waited for all the same.</summary>
    public TimeSpan? CallTimeout { get; init; }

    /// <summary>Whether an exception of a function ends the request; otherwise the model is told that the call failed.</summary>
    public bool ThrowOnError { get; init; }

    /// <summary>Whether the model is told the message of an exception; otherwise only that there was one.</summary>
    public bool IncludeErrorDetails { get; init; }

    /// <summary>Functions that may be called besides those of a request's options; they are not announced to the model.</summary>
    public IReadOnlyList<AIFunction> AdditionalTools { get; init; } = [];

    /// <summary>Is given to the functions as <see cref="AIFunctionArguments.Services"/>.</summary>
    public IServiceProvider? Services { get; init; }

    /// <summary>Throws when an option is out of its range.</summary>
    /// <exception cref="ArgumentException">The option is named.</exception>
    public void Validate()
    {
        Require(MaximumRounds >= 1, nameof(MaximumRounds), MaximumRounds, "1 or more");
        Require(MaximumCallsPerRound >= 1, nameof(MaximumCallsPerRound), MaximumCallsPerRound, "1 or more");
        Require(CallTimeout is null || CallTimeout > TimeSpan.Zero, nameof(CallTimeout), CallTimeout, "above zero, or unset");
    }

    private static void Require(bool isRight, string name, object? value, string expected)
    {
        if (!isRight)
        {
            throw new ArgumentException($"{name} is {value}; it must be {expected}.");
        }
    }
}
