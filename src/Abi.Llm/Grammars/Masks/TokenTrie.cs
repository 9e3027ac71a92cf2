using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Abi.Llm.Tokenizers;

namespace Abi.Llm.Grammars.Masks;

/// <summary>The bytes of a vocabulary's tokens as a tree in preorder, so that one pass over arrays tries every token and skips what a byte rules out.</summary>
/// <remarks>
/// Immutable and thread-safe. Control tokens are in it with their texts, as in llama.cpp; end-of-generation tokens, tokens without bytes and tokens that begin with a zero
/// byte (which llama.cpp never allows either) are not.
/// </remarks>
internal sealed class TokenTrie
{
    private static readonly ConditionalWeakTable<Tokenizer, TokenTrie> Made = [];

    private TokenTrie(Tokenizer tokenizer)
    {
        VocabularySize = tokenizer.VocabularySize;
        EndIds = [.. tokenizer.EndOfGenerationIds];
        var ids = new List<int>();
        for (var id = 0; id < VocabularySize; id++)
        {
            var bytes = tokenizer.TokenBytes(id, special: true);
            if (!bytes.IsEmpty && bytes[0] != 0 && !tokenizer.IsEndOfGeneration(id) && tokenizer.KindOf(id) != TokenKind.Unused)
            {
                ids.Add(id);
                LongestToken = Math.Max(LongestToken, bytes.Length);
                foreach (var value in bytes)
                {
                    UsableBytes[value] |= value != 0;
                }
            }
        }

        ids.Sort((a, b) => tokenizer.TokenBytes(a, special: true).SequenceCompareTo(tokenizer.TokenBytes(b, special: true)) is var order and not 0 ? order : a.CompareTo(b));
        var labels = new List<byte> { 0 };
        var depths = new List<int> { 0 };
        var ends = new List<int> { 0 };
        var firsts = new List<int> { 0 };
        var path = new List<int> { 0 };
        ReadOnlySpan<byte> previous = default;
        for (var i = 0; i < ids.Count; i++)
        {
            var bytes = tokenizer.TokenBytes(ids[i], special: true);
            var common = bytes.CommonPrefixLength(previous);
            for (var depth = path.Count - 1; depth > common; depth--)
            {
                ends[path[depth]] = labels.Count;
            }

            path.RemoveRange(common + 1, path.Count - common - 1);
            for (var depth = common; depth < bytes.Length; depth++)
            {
                path.Add(labels.Count);
                labels.Add(bytes[depth]);
                depths.Add(depth + 1);
                ends.Add(0);
                firsts.Add(i);
            }

            previous = bytes;
        }

        foreach (var node in path)
        {
            ends[node] = labels.Count;
        }

        firsts.Add(ids.Count);
        Labels = [.. labels];
        Depths = [.. depths];
        Ends = [.. ends];
        FirstTokens = [.. firsts];
        Ids = [.. ids];

        SingleBytes = new int[256];
        Array.Fill(SingleBytes, -1);
        for (var node = 1; node < labels.Count; node = Ends[node])
        {
            if (OwnTokens(node) > 0)
            {
                SingleBytes[Labels[node]] = Ids[FirstTokens[node]];
            }
        }
    }

    public int VocabularySize { get; }

    /// <summary>The end-of-generation tokens.</summary>
    public int[] EndIds { get; }

    public int LongestToken { get; }

    /// <summary>Whether any token has the byte: [256].</summary>
    public bool[] UsableBytes { get; } = new bool[256];

    /// <summary>A token of just this byte, or -1: [256].</summary>
    public int[] SingleBytes { get; }

    /// <summary>The byte that leads to a node: [nodes].</summary>
    public byte[] Labels { get; }

    /// <summary>The bytes up to a node: [nodes].</summary>
    public int[] Depths { get; }

    /// <summary>The node after a node's last descendant: [nodes].</summary>
    public int[] Ends { get; }

    /// <summary>The tokens in the order of their bytes.</summary>
    public int[] Ids { get; }

    /// <summary>For each node the first of <see cref="Ids"/> that lies in it: [nodes + 1].</summary>
    private int[] FirstTokens { get; }

    public static TokenTrie Of(Tokenizer tokenizer) => Made.GetValue(tokenizer, static key => new TokenTrie(key));

    /// <summary>The tokens whose bytes end at a node.</summary>
    public ReadOnlySpan<int> TokensAt(int node) => Ids.AsSpan(FirstTokens[node], OwnTokens(node));

    public bool HasTokens(int node) => OwnTokens(node) > 0;

    /// <summary>The child of a node; -1 when there is none.</summary>
    public int Child(int node, byte label)
    {
        for (var child = node + 1; child < Ends[node]; child = Ends[child])
        {
            if (Labels[child] == label)
            {
                return child;
            }
        }

        return -1;
    }

    private int OwnTokens(int node) => node == 0 ? 0 : FirstTokens[node + 1] - FirstTokens[node];
}
