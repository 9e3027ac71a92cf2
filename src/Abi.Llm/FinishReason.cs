namespace Abi.Llm;

/// <summary>Why a generation ended.</summary>
public enum FinishReason
{
    /// <summary>The model ended its text or its turn, or a stop token of the request came.</summary>
    StopToken,

    /// <summary>A stop string of the request came; it is not part of the text.</summary>
    StopString,

    /// <summary>The maximum number of tokens was reached.</summary>
    Length,

    /// <summary>The context is full and the policy is to stop there (<see cref="ContextFullPolicy.Truncate"/>).</summary>
    ContextFull,

    /// <summary>The caller cancelled.</summary>
    Cancelled,

    /// <summary>An exception ended it.</summary>
    Failed,

    /// <summary>The time that it may take is over (<see cref="GenerationOptions.TimeLimit"/>): the text is incomplete.</summary>
    TimeLimit,
}
