namespace Abi.Llm;

/// <summary>What happens when a sequence outgrows the context.</summary>
public enum ContextFullPolicy
{
    /// <summary>A <see cref="ContextFullException"/>; nothing is cut silently.</summary>
    Error,

    /// <summary>A prompt that is too long loses its oldest tokens after the kept head; a generation stops, with <see cref="FinishReason.ContextFull"/>.</summary>
    Truncate,

    /// <summary>As <see cref="Truncate"/> for the prompt; a generation drops the older half after the kept head and goes on. What is kept is computed anew at its new positions, so the result is exact.</summary>
    Shift,
}
