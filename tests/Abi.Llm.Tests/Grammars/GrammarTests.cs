using System.Diagnostics;
using System.Text;
using Abi.Llm.Grammars;
using Abi.Llm.Grammars.Automata;
using Abi.Llm.Grammars.Gbnf;
using Abi.Llm.Grammars.Masks;

namespace Abi.Llm.Tests.Grammars;

/// <summary>GBNF, expressions, choices and triggers: what they take and what they refuse, and where.</summary>
[Parallelizable]
public sealed class GrammarTests
{
    [Test]
    public void AWayToAStateThatIsKnownAllocatesNothing()
    {
        // letters that mean different things elsewhere, and lead to the same place here
        var state = Grammar.FromGbnf("root ::= (\"a\" | \"b\" | \"c\" | \"d\" | \"xa\" | \"yb\" | \"zc\" | \"(\" root \")\")*").Start(GrammarTesting.StoriesTokenizer());
        Assert.That(state.TryAccept("ab"u8));
        var before = GC.GetAllocatedBytesForCurrentThread();
        var isTaken = state.TryAccept("c"u8) && state.TryAccept("d"u8);
        var bytes = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.That((isTaken, bytes), Is.EqualTo((true, 0L)));
    }

    [TestCase("root ::= \"a\\x41\\u00e9\\U0001F600\\n\\t\\\\\\\"\"", "aA\u00e9\U0001F600\n\t\\\"", true)]
    [TestCase("root ::= [^\\]\\[]+ # comment\n", "abc", true)]
    [TestCase("root ::= [^\\]\\[]+ # comment\n", "a]", false)]
    [TestCase("root ::= [a-c-]{2}", "a-", true)]
    [TestCase("root ::= (\n \"a\" |\n \"b\"\n)* \"c\"", "ababc", true)]
    [TestCase("root ::=\n  \"a\"\n  | \"b\"", "b", true)]
    [TestCase("root ::= .{3}", "aéx", true)]
    [TestCase("root ::= \"a\"{2,}", "aaaa", true)]
    [TestCase("root ::= \"a\"{2,}", "a", false)]
    [TestCase("root ::= \"\" | \"x\"", "", true)]
    [TestCase("a-b ::= \"x\"\nroot ::= a-b{3}", "xxx", true)]
    [TestCase("root ::= (\"a\" | \"b\"?){3,1000} \"!\"", "abab!", true)]
    [TestCase("root ::= (\"a\"*){5,900} \"!\"", "!", true)]
    [TestCase("root ::= [a-z]{0,100000} \"!\"", "abc!", true)]
    [TestCase("root ::= root \"+\" [0-9] | [0-9]", "1+2+3", true)]
    [TestCase("root ::= root \"+\" [0-9] | [0-9]", "1+", false)]
    public void TextsAreTaken(string grammar, string text, bool accepted) => Assert.That(GrammarTesting.Accepts(Grammar.FromGbnf(grammar), text), Is.EqualTo(accepted));

    [TestCase("root ::= \"a", 1, 10, "closing quote")]
    [TestCase("root ::= [a", 1, 10, "closing ']'")]
    [TestCase("root ::= []", 1, 10, "at least one")]
    [TestCase("root ::= b", 1, 10, "'b' is used")]
    [TestCase("root = \"a\"", 1, 6, "'::='")]
    [TestCase("a ::= \"x\"", 0, 0, "no rule 'root'")]
    [TestCase("root ::= \"a\"{3,2}", 1, 13, "less at most")]
    [TestCase("root ::= \"a\"{x}", 1, 14, "number of repetitions")]
    [TestCase("root ::= \"a\"{99999999999}", 1, 14, "repetitions")]
    [TestCase("root ::= *", 1, 10, "before it")]
    [TestCase("root ::= (\"a\"", 1, 14, "')'")]
    [TestCase("root ::= \"\\q\"", 1, 11, "escape")]
    [TestCase("root ::= [z-a]", 1, 11, "backwards")]
    [TestCase("root ::= \"a\"\nroot ::= \"b\"", 2, 1, "twice")]
    [TestCase("root ::= \"a\" )", 1, 14, "new line")]
    [TestCase("root ::= <nothing", 1, 10, "'>'")]
    public void ErrorsNameTheirPlace(string grammar, int line, int column, string message)
    {
        var exception = Assert.Throws<GrammarException>(() => Grammar.FromGbnf(grammar))!;
        Assert.That((exception.Line, exception.Column), Is.EqualTo((line, column)), exception.Message);
        Assert.That(exception.Message, Does.Contain(message));
    }

    [TestCase("root ::= a \"x\"\na ::= b\nb ::= root | \"y\"", "left recursion")]
    [TestCase("root ::= \"x\"? root \"y\" | \"z\"", "left recursion")]
    [TestCase("root ::= \"(\" root \")\"", "never ends")]
    [TestCase("root ::= <[70000]>", "no token")]
    [TestCase("root ::= <once upon>", "exactly one")]
    public void GrammarsThatCannotWorkAreRefusedWhenTheyAreCompiled(string grammar, string message)
    {
        var exception = Assert.Throws<GrammarException>(() => Grammar.FromGbnf(grammar).Start(GrammarTesting.StoriesTokenizer()))!;
        Assert.That(exception.Message, Does.Contain(message));
    }

    [Test]
    public void HostileGrammarsEndInTimeWithAnErrorOrWork()
    {
        string[] grammars =
        [
            "root ::= " + new string('(', 100_000) + "\"a\"" + new string(')', 100_000),
            "root ::= " + string.Concat(Enumerable.Repeat("(", 150)) + "\"a\"" + string.Concat(Enumerable.Repeat("{0,9})", 150)),
            "root ::= \"a\"{1,1000000}",
            "root ::= ((([a-z]{1,1000000}){1,1000000}){1,1000000}){1,1000000}",
            "root ::= \"a\"" + string.Concat(Enumerable.Repeat("{1,9}", 150)),
            "root ::= s\ns ::= s2 s2\ns2 ::= \"a\" s \"b\" | \"a\" s \"c\" | \"a\" s | s3\ns3 ::= \"a\" s2 | \"a\" s3 s3 | \"a\"",
            "root ::= (\"a\" | \"a\" \"a\" | \"a\"+)* ((\"a\"* \"a\"*)* \"a\"*)* \"b\"",
            "root ::= " + string.Join(" ", Enumerable.Range(0, 20_000).Select(i => $"r{i}")) + string.Concat(Enumerable.Range(0, 20_000).Select(i => $"\nr{i} ::= {(i < 19_999 ? $"r{i + 1}?" : "\"x\"")}")),
            "root ::= ([a-z]? [0-9]?){1,500000}",
            "root ::= [\\U00010000-\\U0010FFFF]{1,99999}",
        ];
        foreach (var text in grammars)
        {
            var task = Task.Run(() =>
            {
                try
                {
                    var grammar = Grammar.FromGbnf(text);
                    var state = grammar.Start(GrammarTesting.StoriesTokenizer());
                    for (var i = 0; i < 40 && !state.IsFinished; i++)
                    {
                        var allowed = GrammarTesting.Allowed(state);
                        Assert.That(state.TryAccept(allowed[i % allowed.Length]));
                    }
                }
                catch (GrammarException)
                {
                }
            });
            Assert.That(task.Wait(TimeSpan.FromSeconds(20)), text[..Math.Min(60, text.Length)]);
        }
    }

    [Test]
    public void NestingIsBoundedByAnError()
    {
        var state = Grammar.FromGbnf("root ::= \"[\" root \"]\" | \"x\"").Start(GrammarTesting.StoriesTokenizer());
        var open = GrammarTesting.StoriesTokenizer().Encode("[", addSpecial: false)[^1];
        var depth = 0;
        while (depth < 10_000 && state.Allows(open) && state.TryAccept(open))
        {
            depth++;
        }

        Assert.That(depth, Is.InRange(3000, 5000));
        Assert.That(GrammarTesting.Allowed(state), Is.Not.Empty, "a shallower way is left");
    }

    [TestCase("a|b{2}", "bb", true)]
    [TestCase("^(?:ab)+$", "abab", true)]
    [TestCase("\\d{3}-[A-F]?", "123-", true)]
    [TestCase("\\u0041\\x42\\u{1F600}", "AB\U0001F600", true)]
    [TestCase("(?<y>[0-9]{4})-\\p{Lu}+", "2024-É", true)]
    [TestCase("[^\\s\\d]+", "a1", false)]
    [TestCase("a.c", "a\nc", false)]
    [TestCase("(^a|b$)c?", "b", true)]
    [TestCase("x*?y+?", "xxyy", true)]
    [TestCase("a{0,1000000}", "aaa", true)]
    [TestCase("[\\w-.]+@[\\w.-]+", "a.b-c@d-e.f", true)]
    [TestCase("[+-\\d]{2}", "+-", true)]
    [TestCase("[+-\\d]{2}", "1,", false)]
    public void ExpressionsMatchWholeTexts(string pattern, string text, bool accepted) => Assert.That(GrammarTesting.Accepts(Grammar.FromRegex(pattern), text), Is.EqualTo(accepted));

    [TestCase("(?=a)b", "Look-ahead")]
    [TestCase("(?<!a)b", "Look-behind")]
    [TestCase("(a)\\1", "back-reference")]
    [TestCase("\\bword", "word boundary")]
    [TestCase("a**", "Nothing to repeat")]
    [TestCase("(a", "closing ')'")]
    [TestCase("\\p{Greek}", "'Greek'")]
    [TestCase("[b-a]", "backwards")]
    public void ExpressionsThatCannotBeHonouredAreRefusedByName(string pattern, string message) =>
        Assert.That(Assert.Throws<GrammarException>(() => Grammar.FromRegex(pattern))!.Message, Does.Contain(message));

    [Test]
    public void ThousandsOfChoicesAreCheap()
    {
        string[] choices = [.. Enumerable.Range(0, 5000).Select(i => $"choice {i} of many")];
        var grammar = Grammar.FromChoices(choices);
        Assert.That(GrammarTesting.Accepts(grammar, choices[4321]));
        Assert.That(GrammarTesting.Accepts(grammar, "choice 5000 of many"), Is.False);
        var random = new Random(1);
        for (var i = 0; i < 20; i++)
        {
            Assert.That(choices, Does.Contain(GrammarTesting.Sample(grammar, GrammarTesting.StoriesTokenizer(), random, 40)));
        }
    }

    [Test]
    public void TokensByNumberAndTextAreTakenWhole()
    {
        var tokenizer = GrammarTesting.StoriesTokenizer();
        var state = Grammar.FromGbnf("root ::= <[300]> !<[301]> <s>").Start(tokenizer);
        Assert.That(GrammarTesting.Allowed(state), Is.EqualTo(new[] { 300 }));
        Assert.That(state.TryAccept(300));
        Assert.That(state.Allows(301), Is.False);
        Assert.That(state.Allows(302));
        Assert.That(state.TryAccept(302));
        Assert.That(GrammarTesting.Allowed(state), Is.EqualTo(new[] { 1 }));
    }

    [Test]
    public void ATriggerLetsAnythingComeBeforeAndTheGrammarAfter()
    {
        var grammar = Grammar.FromRegex("[0-9]+;").After(["<call>", "CALL:"], repeats: true);
        Assert.That(GrammarTesting.Accepts(grammar, "anything <cal <call> x"), Is.False);
        Assert.That(GrammarTesting.Accepts(grammar, "anything <cal CALL:12; more"));
        Assert.That(GrammarTesting.Accepts(grammar, "a<<call>7;b<call>8;"));
        Assert.That(GrammarTesting.Accepts(grammar, "a<call>7;b<call>8"), Is.False);
        Assert.That(GrammarTesting.Accepts(grammar, ""));
    }

    [Test]
    public void ForksGoOnAlone()
    {
        var state = Grammar.FromChoices("ab", "ac").Start(GrammarTesting.StoriesTokenizer());
        Assert.That(state.TryAccept("a"u8));
        var fork = state.Clone();
        Assert.That(fork.TryAccept("b"u8) && fork.IsFinished);
        Assert.That(state.IsComplete, Is.False);
        Assert.That(state.TryAccept("c"u8) && state.IsFinished);
    }

    [Test]
    public void ManyThreadsShareAGrammar()
    {
        var grammar = Grammar.FromJsonSchema("true");
        Parallel.For(0, 8, seed =>
        {
            var random = new Random(seed);
            for (var i = 0; i < 5; i++)
            {
                var text = GrammarTesting.Sample(grammar, GrammarTesting.StoriesTokenizer(), random, 60);
                Assert.That(() => System.Text.Json.JsonDocument.Parse(text), Throws.Nothing, text);
            }
        });
    }

    /// <summary>Random grammars on random vocabularies that lack most characters: never a dead end, and refused only when a search finds no text either.</summary>
    [Test]
    public void SmallVocabulariesHaveNoDeadEnds()
    {
        var (worked, refused) = (0, 0);
        for (var seed = 0; seed < 80; seed++)
        {
            var random = new Random(seed);
            var text = RandomGrammar(random);
            string[] tokens = [.. Enumerable.Range(0, random.Next(2, 9)).Select(_ => string.Concat(Enumerable.Range(0, random.Next(1, 4)).Select(_ => "abc"[random.Next(3)]))).Distinct()];
            var tokenizer = GrammarTesting.TokenizerOf(tokens);
            GrammarState state;
            try
            {
                state = Grammar.FromGbnf(text).Start(tokenizer);
            }
            catch (GrammarException exception) when (exception.Message.Contains("spelt", StringComparison.Ordinal))
            {
                refused++;
                Assert.That(CanSpell(text, tokens), Is.False, $"seed {seed}: {text} from {string.Join(' ', tokens)}");
                continue;
            }

            worked++;
            for (var run = 0; run < 5; run++)
            {
                var limit = state.TokensToComplete + random.Next(8);
                GrammarTesting.Sample(Grammar.FromGbnf(text), tokenizer, random, limit);
            }
        }

        Assert.That(worked, Is.GreaterThan(10));
        Assert.That(refused, Is.GreaterThan(10));
    }

    private static bool CanSpell(string grammar, string[] tokens)
    {
        // every text of up to four tokens (the first few hundred of each length), tried on the vocabulary that has everything
        var compiled = Grammar.FromGbnf(grammar);
        IEnumerable<string> texts = [""];
        for (var length = 0; length <= 4; length++)
        {
            string[] all = [.. texts.Distinct().Take(300)];
            if (Array.Exists(all, text => GrammarTesting.Accepts(compiled, text)))
            {
                return true;
            }

            texts = all.Where(text => compiled.Start(GrammarTesting.StoriesTokenizer()).TryAccept(Encoding.UTF8.GetBytes(text))).SelectMany(text => tokens.Select(token => text + token));
        }

        return false;
    }

    private static string RandomGrammar(Random random)
    {
        string Piece(int depth) => random.Next(depth > 0 ? 7 : 2) switch
        {
            0 => $"\"{"abc"[random.Next(3)]}\"",
            1 => random.Next(3) == 0 ? "[ab]" : $"\"{"abc"[random.Next(3)]}{"abc"[random.Next(3)]}\"",
            2 => $"({Piece(depth - 1)} {Piece(depth - 1)})",
            3 => $"({Piece(depth - 1)} | {Piece(depth - 1)})",
            4 => $"{Piece(depth - 1)}{"*+?"[random.Next(3)]}",
            5 => $"({Piece(depth - 1)}){{{random.Next(3)},{3 + random.Next(300)}}}",
            _ => "(\"a\" r \"b\")",
        };

        return $"root ::= {Piece(3)} {Piece(2)}\nr ::= \"c\" r \"a\" | {Piece(1)} | \"b\"";
    }

    /// <summary>States are made anew when they take too much memory: with as many levels as may be, on a thread as small as hosts make them.</summary>
    [TestCase("root ::= \"(\" root \")\" | \"x\"", 1 << 20)]
    [TestCase("root ::= \"(\" root{1,2} \")\" | \"x\"", 1 << 20)]
    [TestCase("root ::= \"(\" root \")\" | \"(\" root | \"x\"", 1 << 20)]
    public void DeepTextsAreFollowedOnASmallStack(string text, int stack)
    {
        var compiled = new CompiledGrammar(GbnfParser.Parse(text, "root"), GrammarTesting.StoriesTokenizer());
        var state = compiled.Space.Start;
        for (var depth = 0; depth < GrammarLimits.StackDepth - 10; depth++)
        {
            state = compiled.Space.Step(state, (byte)'(');
        }

        Exception? failure = null;
        var thread = new Thread(
            () =>
            {
                try
                {
                    var space = new StateSpace(compiled.Space.Automaton, compiled.Trie.LongestToken);
                    var imported = space.Import(state);
                    space.Clamp(imported);
                    space.Step(space.Step(imported, (byte)'('), (byte)'(');
                }
                catch (GrammarException exception)
                {
                    failure = exception;
                }
            },
            stack);
        thread.Start();
        thread.Join();
        Assert.That(failure, Is.Null);
    }

    /// <summary>Every letter leads to other rules, so that each token of the vocabulary leads to a state of its own, of thousands of ways.</summary>
    [Test]
    public void TokensOfThousandsOfWaysAreNotLookedForWithoutEnd()
    {
        const string Letters = "abcdefghijklmnopqrstuvwxyz";
        var random = new Random(1);
        var text = new StringBuilder("root ::= \"1\"");
        for (var i = 0; i < 2_000; i++)
        {
            text.Append(" | [").Append(string.Concat(Letters.Where(_ => random.NextDouble() < 0.9))).Append($"]* \"{i}\"");
        }

        string[] tokens = [.. Letters.Concat("0123456789").Select(static c => $"{c}"), .. from a in Letters from b in Letters from c in Letters select $"{a}{b}{c}"];
        var state = Grammar.FromGbnf(text.ToString()).Start(GrammarTesting.TokenizerOf(tokens));
        Assert.That(() => GrammarTesting.Allowed(state), Throws.TypeOf<GrammarException>().With.Message.Contains("too ambiguous"));
    }

    /// <summary>Tokens and rules know their places, however many there are and however long the lines and the text before them.</summary>
    [Test, NonParallelizable] // measures time
    public void PlacesOfManyTokensAndRulesTakeLittleTime()
    {
        var tokens = string.Concat(Enumerable.Repeat("<[5]>", 700_000));
        var rules = $"#{new string('x', 2_000_000)}\nroot ::= a0\n{string.Concat(Enumerable.Range(0, 90_000).Select(i => $"a{i} ::= b\n"))}";
        var start = Stopwatch.GetTimestamp();
        Grammar.FromGbnf($"root ::= {tokens}");
        var error = Assert.Throws<GrammarException>(() => Grammar.FromGbnf(rules));
        Assert.That((error!.Line, error.Column), Is.EqualTo((3, 8)));
        Assert.That(Stopwatch.GetElapsedTime(start), Is.LessThan(TimeSpan.FromSeconds(4)));
        var twice = Assert.Throws<GrammarException>(() => Grammar.FromGbnf("root ::= (a |\n b <[1]>)\n\nb ::= \"b\"\n a ::= <[9999999]>").Start(GrammarTesting.StoriesTokenizer()));
        Assert.That((twice!.Line, twice.Column), Is.EqualTo((5, 8)));
    }
}
