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

            list.Add(Part(text, ref at));
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

        if (colon > at && colon + 1 < text.Length && text[colon] == ':' && !char.IsWhiteSpace(text[colon + 1]) && text[colon + 1] != '/')
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
