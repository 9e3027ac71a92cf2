using System.Globalization;

namespace Abi.Database.Text;

/// <summary>Reads queries as people type them. There is no wrong query: what has no meaning counts as text.</summary>
internal static class TextQueryParser
{
    public static TextQuery Parse(string text)
    {
        List<TextQuery> should = [];
        List<TextQuery> must = [];
        List<TextQuery> mustNot = [];
        for (var at = 0; at < text.Length;)
        {
            if (char.IsWhiteSpace(text[at]))
            {
                at++;
                continue;
            }

            var list = should;
            if (text[at] is '+' or '-' && at + 1 < text.Length && !char.IsWhiteSpace(text[at + 1]))
            {
                list = text[at++] == '+' ? must : mustNot;
            }

            var part = Part(text, ref at);
            // What has no word can be neither asked for nor kept out.
            (Tokenizer.Words(part.Text).Count == 0 ? should : list).Add(part);
        }

        // What may be there as well only adds to the score of what must.
        var wanted = must.Count == 0 ? TextQuery.Any(should) : should.Count == 0 ? TextQuery.All(must) : TextQuery.All(must).Preferring(TextQuery.Any(should));
        return mustNot.Count == 0 ? wanted : wanted.Except(TextQuery.Any(mustNot));
    }

    private static TextQuery Part(string text, ref int at)
    {
        string? field = null;
        var colon = at;
        while (colon < text.Length && (char.IsLetterOrDigit(text[colon]) || text[colon] is '_' or '-' or '.'))
        {
            colon++;
        }

        // Not of 12:30, std::vector or https://…
        if (colon > at && !char.IsDigit(text[at]) && colon + 1 < text.Length && text[colon] == ':' && (text[colon + 1] == '"' || char.IsLetterOrDigit(text[colon + 1]) || char.IsSurrogate(text[colon + 1])))
        {
            field = text[at..colon];
            at = colon + 1;
        }

        TextQuery query;
        if (text[at] == '"')
        {
            var end = text.IndexOf('"', at + 1);
            end = end < 0 ? text.Length : end;
            var phrase = text[(at + 1)..end];
            at = Math.Min(end + 1, text.Length);
            var isPrefix = at < text.Length && text[at] == '*';
            at += isPrefix ? 1 : 0;
            query = isPrefix ? TextQuery.Prefix(phrase) : TextQuery.Phrase(phrase);
        }
        else
        {
            var start = at;
            while (at < text.Length && !char.IsWhiteSpace(text[at]) && text[at] is not ('^' or '*' or '"'))
            {
                at++;
            }

            var word = text[start..at];
            var isPrefix = at < text.Length && text[at] == '*';
            if (isPrefix || (at == start && text[at] == '^'))
            {
                at++;
            }

            query = isPrefix ? TextQuery.Prefix(word) : TextQuery.Words(word);
        }

        if (at < text.Length && text[at] == '^')
        {
            var start = ++at;
            while (at < text.Length && (char.IsAsciiDigit(text[at]) || text[at] == '.'))
            {
                at++;
            }

            if (double.TryParse(text.AsSpan(start, at - start), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var factor) && factor > 0 && double.IsFinite(factor))
            {
                query = query.Boost(factor);
            }
        }

        return field is null ? query : query.In(field);
    }
}
