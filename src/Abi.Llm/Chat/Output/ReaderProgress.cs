namespace Abi.Llm.Chat.Output;

/// <summary>What a reader says after a character.</summary>
internal enum ReaderProgress
{
    /// <summary>It wants more.</summary>
    More,

    /// <summary>The character was the last one of a call.</summary>
    Done,

    /// <summary>This is no call; the character is not part of it.</summary>
    Failed,
}
