using System.Diagnostics;
using System.Text;
using Abi.Llm.Gguf;
using Abi.Llm.Grammars;
using Abi.Llm.Tokenizers;
using Abi.Testing;

namespace Abi.Llm.Tests.Grammars;

/// <summary>What a mask costs on large vocabularies.</summary>
public sealed class GrammarTimingTests
{
    private const string Person = """
        {"type":"object","properties":{"name":{"type":"string","maxLength":60},"age":{"type":"integer","minimum":0,"maximum":150},"email":{"type":"string","format":"email"},
        "tags":{"type":"array","items":{"type":"string"},"maxItems":20},"address":{"type":"object","properties":{"street":{"type":"string"},"city":{"type":"string"},"zip":{"type":"string","pattern":"^[0-9]{5}$"}},
        "required":["street","city","zip"]}},"required":["name","age","email","tags","address"]}
        """;

    private const string Json = """
        root ::= object
        value ::= object | array | string | number | ("true" | "false" | "null") ws
        object ::= "{" ws ( string ":" ws value ("," ws string ":" ws value)* )? "}" ws
        array ::= "[" ws ( value ("," ws value)* )? "]" ws
        string ::= "\"" ( [^"\\\x7F\x00-\x1F] | "\\" (["\\bfnrt] | "u" [0-9a-fA-F]{4}) )* "\"" ws
        number ::= ("-"? ([0-9] | [1-9] [0-9]{0,15})) ("." [0-9]+)? ([eE] [-+]? [0-9]{1,15})? ws
        ws ::= | " " | "\n" [ \t]{0,20}
        """;

    [Test]
    [Explicit("Measures time: run alone.")]
    public void MaskTimes()
    {
        using var file = GgufFile.Open(Fixtures.Path("tokenizers", "deepseek-llm.gguf"));
        foreach (var (vocabulary, tokenizer) in new[] { ("deepseek-llm", Tokenizer.FromMetadata(file.Metadata)), ("synthetic", Synthetic(Tokenizer.FromMetadata(file.Metadata), 131_072)) })
        {
            foreach (var (name, grammar) in new[] { ("schema", Grammar.FromJsonSchema(Person)), ("json.gbnf", Grammar.FromGbnf(Json)), ("any json", Grammar.FromJsonSchema("true")) })
            {
                var start = Stopwatch.GetTimestamp();
                grammar.Start(tokenizer);
                var compiled = Stopwatch.GetElapsedTime(start);
                List<double> first = [];
                var texts = Texts(grammar, tokenizer, first);
                double[] cold = [.. first.Order()];
                Measure(grammar, tokenizer, texts);
                var (warm, bytes) = Measure(grammar, tokenizer, texts);
                TestContext.Out.WriteLine(
                    $"{vocabulary} ({tokenizer.VocabularySize} tokens), {name}: compile {compiled.TotalMilliseconds:F0} ms; {warm.Length} tokens; first pass median {At(cold, 0.5):F1} p99 {At(cold, 0.99):F1} max {cold[^1]:F1} µs; "
                    + $"warm median {At(warm, 0.5):F1} p99 {At(warm, 0.99):F1} max {warm[^1]:F1} µs; {(double)bytes / warm.Length:F2} bytes a token");
            }
        }
    }

    private static double At(double[] sorted, double part) => sorted[(int)(part * (sorted.Length - 1))];

    private static int[][] Texts(Grammar grammar, Tokenizer tokenizer, List<double> times)
    {
        var random = new Random(1);
        List<int[]> texts = [];
        var logits = new float[tokenizer.VocabularySize];
        for (var i = 0; i < 8; i++)
        {
            var state = grammar.Start(tokenizer);
            List<int> ids = [];
            while (ids.Count < 400 && !state.IsFinished)
            {
                // a text like a model's: mostly short, plain words
                Array.Clear(logits);
                var start = Stopwatch.GetTimestamp();
                state.Mask(logits, 400 - ids.Count);
                times.Add(Stopwatch.GetElapsedTime(start).TotalMicroseconds);
                int id;
                var tries = 0;
                do
                {
                    id = random.Next(logits.Length);
                }
                while ((float.IsNegativeInfinity(logits[id]) || tokenizer.IsEndOfGeneration(id)) && ++tries < 200_000);
                if (tries >= 200_000 && (id = Array.FindIndex(logits, value => !float.IsNegativeInfinity(value))) is var first && tokenizer.IsEndOfGeneration(first))
                {
                    break;
                }

                state.TryAccept(id);
                ids.Add(id);
            }

            texts.Add([.. ids]);
        }

        return [.. texts];
    }

    private static (double[] Microseconds, long Bytes) Measure(Grammar grammar, Tokenizer tokenizer, int[][] texts)
    {
        var times = new double[texts.Sum(text => text.Length)];
        var logits = new float[tokenizer.VocabularySize];
        var next = 0;
        var before = GC.GetAllocatedBytesForCurrentThread();
        foreach (var text in texts)
        {
            var state = grammar.Start(tokenizer);
            foreach (var id in text)
            {
                Array.Clear(logits);
                var start = Stopwatch.GetTimestamp();
                state.Mask(logits);
                state.TryAccept(id);
                times[next++] = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
            }
        }

        var bytes = GC.GetAllocatedBytesForCurrentThread() - before;
        Array.Sort(times);
        return (times, bytes);
    }

    /// <summary>A vocabulary of given tokens and words made of two of them.</summary>
    private static Tokenizer Synthetic(Tokenizer source, int size)
    {
        var random = new Random(2);
        HashSet<string> texts = [];
        for (var id = 0; id < source.VocabularySize; id++)
        {
            if (source.KindOf(id) == TokenKind.Normal)
            {
                texts.Add(Encoding.Latin1.GetString(source.TokenBytes(id)));
            }
        }

        var pieces = texts.ToArray();
        while (texts.Count < size - 257)
        {
            texts.Add(pieces[random.Next(pieces.Length)] + pieces[random.Next(pieces.Length)]);
        }

        var tokens = new List<byte[]>();
        var kinds = new List<int>();
        for (var value = 0; value < 256; value++)
        {
            tokens.Add(Encoding.ASCII.GetBytes($"<0x{value:X2}>"));
            kinds.Add(6);
        }

        foreach (var text in texts)
        {
            tokens.Add(Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(Encoding.Latin1.GetBytes(text)).Replace(' ', '\u2581')));
            kinds.Add(1);
        }

        tokens.Add("</s>"u8.ToArray());
        kinds.Add(3);
        return Tokenizer.FromMetadata(new GgufMetadata(new Dictionary<string, GgufValue>(StringComparer.Ordinal)
        {
            ["tokenizer.ggml.model"] = GgufValue.Of("llama"),
            ["tokenizer.ggml.tokens"] = GgufValue.OfUtf8(tokens),
            ["tokenizer.ggml.scores"] = GgufValue.Of(new float[tokens.Count]),
            ["tokenizer.ggml.token_type"] = GgufValue.Of([.. kinds]),
            ["tokenizer.ggml.eos_token_id"] = GgufValue.Of((uint)(tokens.Count - 1)),
        }));
    }
}
