using System.Text.RegularExpressions;
using Abi.Llm.Grammars;

namespace Abi.Llm.Tests.Grammars;

/// <summary>Random expressions against .NET's, random GBNF grammars against a plain recogniser: every short text over a few letters is taken by both or by neither.</summary>
[Parallelizable]
public sealed class RandomGrammarTests
{
    private const int Seeds = 400;
    private const string Letters = "abc";
    private static readonly string[] Texts = [.. Enumerable.Range(0, 6).SelectMany(TextsOfLength)];

    [Test]
    public void RandomExpressionsTakeWhatDotNetTakes()
    {
        for (var seed = 0; seed < Seeds; seed++)
        {
            var random = new Random(seed);
            var pattern = Pattern(random, 3, anchors: seed % 2 == 1);
            var whole = new Regex($"^(?:{pattern})\\z", RegexOptions.ECMAScript);
            var part = new Regex(pattern.Replace("$", "\\z", StringComparison.Ordinal), RegexOptions.ECMAScript);
            var grammar = Grammar.FromRegex(pattern);
            var schema = Part(pattern);
            foreach (var text in Texts)
            {
                if (seed % 2 == 0)
                {
                    Assert.That(GrammarTesting.Accepts(grammar, text), Is.EqualTo(whole.IsMatch(text)), $"seed {seed}: /{pattern}/ as a whole, '{text}'");
                }

                if (schema is not null || !part.IsMatch(text))
                {
                    Assert.That(schema is not null && GrammarTesting.Accepts(schema, $"\"{text}\""), Is.EqualTo(part.IsMatch(text)), $"seed {seed}: /{pattern}/ in part, '{text}'");
                }
            }
        }
    }

    [Test]
    public void RandomGrammarsTakeWhatAPlainRecogniserTakes()
    {
        var refused = 0;
        for (var seed = 0; seed < Seeds; seed++)
        {
            var random = new Random(seed);
            var rules = Enumerable.Range(0, 3).Select(_ => Piece(random, 3)).ToArray();
            var source = string.Join('\n', rules.Select((rule, i) => $"{(i == 0 ? "root" : $"r{i}")} ::= {rule}"));
            Grammar grammar;
            try
            {
                grammar = Grammar.FromGbnf(source);
                grammar.Start(GrammarTesting.StoriesTokenizer());
            }
            catch (GrammarException exception) when (exception.Message.Contains("comes back to itself", StringComparison.Ordinal) || exception.Message.Contains("never ends", StringComparison.Ordinal))
            {
                TestContext.Out.WriteLine($"seed {seed}: {exception.Message}");
                refused++;
                continue;
            }

            foreach (var text in Texts)
            {
                Assert.That(GrammarTesting.Accepts(grammar, text), Is.EqualTo(new Recogniser(rules, text).Takes()), $"seed {seed}: '{text}' by\n{source}");
            }
        }

        Assert.That(refused, Is.LessThan(150));
    }

    [Test]
    public void ARuleThatMayBeEmptyMayCountItselfBehindSomething()
    {
        var grammar = Grammar.FromGbnf("root ::= list\nlist ::= \"a\" list{0,300} \"b\" | \"\"");
        Assert.That(GrammarTesting.Accepts(grammar, "aababb"));
        Assert.That(GrammarTesting.Accepts(grammar, ""));
        Assert.That(GrammarTesting.Accepts(grammar, "aab"), Is.False);
    }

    private static Grammar? Part(string pattern)
    {
        try
        {
            var grammar = Grammar.FromJsonSchema($$"""{"type":"string","pattern":"{{pattern}}"}""");
            grammar.Start(GrammarTesting.StoriesTokenizer());
            return grammar;
        }
        catch (GrammarException)
        {
            return null; // no text at all
        }
    }

    private static IEnumerable<string> TextsOfLength(int length) =>
        length == 0 ? [""] : TextsOfLength(length - 1).SelectMany(text => Letters.Select(letter => text + letter));

    private static string Pattern(Random random, int depth, bool anchors)
    {
        string Inner() => Pattern(random, depth - 1, anchors);
        return random.Next(depth > 0 ? 9 : 3) switch
        {
            0 => Letters[random.Next(3)].ToString(),
            1 => random.Next(3) switch { 0 => "[ab]", 1 => "[^a]", _ => "." },
            2 => anchors && depth > 0 ? random.Next(2) == 0 ? "^" : "$" : "b",
            3 or 4 => Inner() + Inner(),
            5 => $"(?:{Inner()}|{Inner()})",
            6 => $"(?:{Inner()}){(random.Next(4) switch { 0 => "*", 1 => "+", 2 => "?", _ => "{2}" })}",
            7 => $"({Inner()}){{{random.Next(3)},{3 + random.Next(3)}}}",
            _ => Inner() + Letters[random.Next(3)],
        };
    }

    private static Node Piece(Random random, int depth)
    {
        Node Inner() => Piece(random, depth - 1);
        return random.Next(depth > 0 ? 8 : 4) switch
        {
            0 or 1 => new Node('l', Letters[random.Next(3)].ToString()),
            2 => new Node('l', ""),
            3 => new Node('r', random.Next(3).ToString(System.Globalization.CultureInfo.InvariantCulture)),
            4 or 5 => new Node('s', Parts: [Inner(), Inner()]),
            6 => new Node('c', Parts: [Inner(), Inner()]),
            _ => random.Next(4) switch
            {
                0 => new Node('n', Parts: [Inner()], Minimum: 0, Maximum: 1),
                1 => new Node('n', Parts: [Inner()], Minimum: random.Next(2), Maximum: int.MaxValue),
                2 => new Node('n', Parts: [Inner()], Minimum: random.Next(3), Maximum: 2 + random.Next(2)),
                _ => new Node('n', Parts: [Inner()], Minimum: random.Next(4), Maximum: 300), // counted, not copied
            },
        };
    }

    /// <summary>A piece of a grammar: a literal, a use of a rule, a sequence, a choice or a number of repetitions.</summary>
    private sealed record Node(char Kind, string Text = "", Node[]? Parts = null, int Minimum = 0, int Maximum = 0)
    {
        public override string ToString() => Kind switch
        {
            'l' => $"\"{Text}\"",
            'r' => Text == "0" ? "root" : $"r{Text}",
            's' => $"{Parts![0]} {Parts[1]}",
            'c' => $"({Parts![0]} | {Parts[1]})",
            _ => $"({Parts![0]}){(Maximum == int.MaxValue ? $"{{{Minimum},}}" : $"{{{Minimum},{Maximum}}}")}",
        };
    }

    /// <summary>Where a piece can end that begins at a place: sets of places, a bit each, made larger until nothing changes.</summary>
    private sealed class Recogniser(Node[] rules, string text)
    {
        private readonly int[,] _ends = new int[rules.Length, text.Length + 1];

        public bool Takes()
        {
            bool isChanged;
            do
            {
                isChanged = false;
                for (var rule = 0; rule < rules.Length; rule++)
                {
                    for (var at = 0; at <= text.Length; at++)
                    {
                        var before = _ends[rule, at];
                        _ends[rule, at] |= Ends(rules[rule], at);
                        isChanged |= _ends[rule, at] != before;
                    }
                }
            }
            while (isChanged);
            return (_ends[0, 0] & (1 << text.Length)) != 0;
        }

        private int Ends(Node node, int at)
        {
            switch (node.Kind)
            {
                case 'l':
                    return text.AsSpan(at).StartsWith(node.Text) ? 1 << (at + node.Text.Length) : 0;
                case 'r':
                    return _ends[node.Text[0] - '0', at];
                case 's':
                    return EndsBehind(Ends(node.Parts![0], at), node.Parts[1]);
                case 'c':
                    return Ends(node.Parts![0], at) | Ends(node.Parts[1], at);
                default:
                    var (result, now) = (0, 1 << at);
                    var most = Math.Min(node.Maximum, node.Minimum + text.Length + 1); // more only repeats what takes nothing
                    for (var count = 0; count <= most; count++)
                    {
                        result |= count >= node.Minimum ? now : 0;
                        now = EndsBehind(now, node.Parts![0]);
                    }

                    return result;
            }
        }

        private int EndsBehind(int places, Node node)
        {
            var ends = 0;
            for (var place = 0; place <= text.Length; place++)
            {
                ends |= (places & (1 << place)) != 0 ? Ends(node, place) : 0;
            }

            return ends;
        }
    }
}
