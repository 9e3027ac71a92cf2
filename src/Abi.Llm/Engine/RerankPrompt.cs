using Abi.Llm.Gguf;
using Abi.Llm.Tokenizers;

namespace Abi.Llm.Engine;

/// <summary>
/// Writes a query and a document as a rank head wants them: by the file's own template (<c>tokenizer.chat_template.rerank</c>, with <c>{query}</c> and <c>{document}</c>), else as
/// [begin] query [end] [separator] document [closing], each special token only where the model adds it.
/// </summary>
internal sealed class RerankPrompt
{
    private readonly Tokenizer _tokenizer;
    private readonly string _query;
    private readonly IReadOnlyList<(string Text, int Id)>? _template; // text (id −1) and special tokens in turn

    public RerankPrompt(GgufMetadata metadata, Tokenizer tokenizer, string query)
    {
        _tokenizer = tokenizer;
        _query = query;
        _template = metadata.GetString("tokenizer.chat_template.rerank", fallback: null) is { } template ? Cut(template, tokenizer) : null;
    }

    public int[] Encode(string document)
    {
        ArgumentNullException.ThrowIfNull(document);
        return _template is null ? Join(document) : Fill(_template, document);
    }

    private int[] Join(string document)
    {
        List<int> ids = [];
        Add(_tokenizer.AddsBegin, _tokenizer.BeginId);
        ids.AddRange(_tokenizer.Encode(_query, addSpecial: false));
        Add(_tokenizer.AddsEnd, _tokenizer.EndId ?? _tokenizer.SeparatorId);
        Add(_tokenizer.AddsSeparator, _tokenizer.SeparatorId);
        ids.AddRange(_tokenizer.Encode(document, addSpecial: false));

        // behind the pair stands what the tokenizer puts behind a single text: BERT's closes with a separator
        var alone = _tokenizer.Encode("", addSpecial: true);
        Add(alone.Length > 0 && alone[^1] != _tokenizer.BeginId, alone.LastOrDefault());
        return [.. ids];

        void Add(bool isAdded, int? id)
        {
            if (isAdded && id is { } special)
            {
                ids.Add(special);
            }
        }
    }

    private int[] Fill(IReadOnlyList<(string Text, int Id)> template, string document)
    {
        List<int> ids = [];
        foreach (var (text, id) in template)
        {
            if (id >= 0)
            {
                ids.Add(id);
                continue;
            }

            // from the back, so that what is put in is not looked at again
            var filled = text;
            for (var end = filled.Length; end > 0;)
            {
                var (q, d) = (filled.LastIndexOf("{query}", end - 1, end, StringComparison.Ordinal), filled.LastIndexOf("{document}", end - 1, end, StringComparison.Ordinal));
                end = Math.Max(q, d);
                if (end >= 0)
                {
                    filled = end == q ? $"{filled.AsSpan(0, q)}{_query}{filled.AsSpan(q + 7)}" : $"{filled.AsSpan(0, d)}{document}{filled.AsSpan(d + 10)}";
                }
            }

            // special tokens count in the template's own text only: the query and the document stay text, whatever they contain
            ids.AddRange(_tokenizer.Encode(filled, addSpecial: false));
        }

        return [.. ids];
    }

    /// <summary>Cuts the template at the special tokens that it names, the longest first.</summary>
    private static List<(string Text, int Id)> Cut(string template, Tokenizer tokenizer)
    {
        var special = Enumerable.Range(0, tokenizer.VocabularySize)
            .Where(id => tokenizer.KindOf(id) == TokenKind.Control)
            .Select(id => (Text: System.Text.Encoding.UTF8.GetString(tokenizer.TokenBytes(id, special: true)), Id: id))
            .Where(token => token.Text.Length > 0 && template.Contains(token.Text, StringComparison.Ordinal))
            .OrderByDescending(token => token.Text.Length);
        List<(string Text, int Id)> parts = [(template, -1)];
        foreach (var token in special)
        {
            for (var i = 0; i < parts.Count; i++)
            {
                var at = parts[i].Id < 0 ? parts[i].Text.IndexOf(token.Text, StringComparison.Ordinal) : -1;
                if (at >= 0)
                {
                    var (before, after) = (parts[i].Text[..at], parts[i].Text[(at + token.Text.Length)..]);
                    parts.RemoveAt(i);
                    parts.InsertRange(i, [(before, -1), token, (after, -1)]);
                }
            }
        }

        parts.RemoveAll(static part => part.Id < 0 && part.Text.Length == 0);
        return parts;
    }
}
