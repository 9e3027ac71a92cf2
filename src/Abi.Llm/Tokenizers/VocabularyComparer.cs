namespace Abi.Llm.Tokenizers;

/// <summary>Whether two models mean the same by an id.</summary>
internal static class VocabularyComparer
{
    /// <summary>How many tokens more one may have, which only fill its matrices up: as many as llama.cpp allows.</summary>
    public const int MostPadding = 128;

    /// <summary>What is different, in words; null where every ordinary token of one is the other's. Control tokens, which models of one family name differently, may be.</summary>
    public static string? FindDifference(Tokenizer one, Tokenizer other)
    {
        if (Math.Abs(one.VocabularySize - other.VocabularySize) > MostPadding)
        {
            return $"it has {other.VocabularySize} tokens, not {one.VocabularySize}";
        }

        var (here, there) = (one.Vocabulary, other.Vocabulary);
        for (var id = 0; id < Math.Min(here.Count, there.Count); id++)
        {
            if (IsOrdinary(here.KindOf(id)) && IsOrdinary(there.KindOf(id)) && !here.TextOf(id).SequenceEqual(there.TextOf(id)))
            {
                return $"its token {id} is '{Vocabulary.Printable(there.TextOf(id))}', not '{Vocabulary.Printable(here.TextOf(id))}'";
            }
        }

        return null;

        static bool IsOrdinary(TokenKind kind) => kind is TokenKind.Normal or TokenKind.UserDefined or TokenKind.Byte;
    }
}
