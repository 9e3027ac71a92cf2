using System.Text;
using Abi.Llm.Tokenizers;

namespace Abi.Llm.Chat;

/// <summary>A rendered conversation in which the template's own text and that of others can be told apart.</summary>
/// <param name="Utf8">The text: [bytes].</param>
/// <param name="Guarded">Bytes, ascending, that no control token may cover, because they belong to a message.</param>
internal sealed record ChatPrompt(byte[] Utf8, int[] Guarded)
{
    public string Text => Encoding.UTF8.GetString(Utf8);

    /// <summary>The ids: control tokens where the template wrote them, text everywhere else; the beginning token if the model asks for one and the template did not write it.</summary>
    public int[] Encode(Tokenizer tokenizer)
    {
        List<int> ids = [];
        tokenizer.Encode(Utf8, ids, addSpecial: false, parseSpecial: true, Guarded);
        if (tokenizer.AddsBegin && tokenizer.BeginId is { } begin && (ids.Count == 0 || ids[0] != begin))
        {
            ids.Insert(0, begin);
        }

        return [.. ids];
    }
}
