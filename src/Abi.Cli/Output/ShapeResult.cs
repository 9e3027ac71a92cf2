namespace Abi.Cli.Output;

/// <summary>A named shape.</summary>
internal sealed record ShapeResult(
    string Name, string Architecture, int VocabularySize, int ContextLength, int EmbeddingLength, int FeedForwardLength, int BlockCount, int HeadCount, int KeyValueHeadCount, int ExpertCount, int ExpertUsedCount);
