using System.Text;
using System.Text.Json;
using Abi.Llm.Chat.Jinja;

namespace Abi.Llm.Tests.Chat.Jinja;

/// <summary>Templates of random make: whatever stands in one, it renders or ends in a <see cref="JinjaException"/>.</summary>
[Parallelizable]
public sealed class JinjaHostileTests
{
    private static readonly JinjaLimits Limits = new() { Steps = 20_000, Characters = 100_000, Elements = 10_000 };

    private static readonly JsonElement Variables = JsonDocument.Parse(
        """{"a":[3,1,"x",null,[1,[2]]],"b":{"k":1,"é":"ü"},"s":"Aa 😀 b-c","n":7,"f":2.5,"m":[{"role":"user","content":"hi"},{"role":"b"}],"z":null,"t":true}""").RootElement;

    private static readonly string[] Pieces =
    [
        "{{", "}}", "{%", "%}", "{#", "#}", "-%}", "{%-", "{{-", "-}}", "+%}", " ", "\n", "\r\n", "if", "else", "elif", "endif", "for", "in", "endfor", "set", "endset", "macro", "endmacro",
        "call", "endcall", "filter", "endfilter", "with", "endwith", "block", "endblock", "raw", "endraw", "break", "continue", "recursive", "is", "not", "and", "or", "a", "b", "s", "n", "f", "m", "z", "t",
        "loop", "loop.index", "loop.last", "self", "caller()", "namespace(x=1)", "range(9)", "dict(k=1)", "cycler(1,2)", "joiner()", "raise_exception('e')", "strftime_now('%c')", ".k", ".items()",
        ".upper()", ".split()", ".format(1)", ".join(a)", "[0]", "[::-1]", "[1:]", "(", ")", "[", "]", "{", "}", ",", ":", ".", "|", "=", "==", "<", ">=", "+", "-", "*", "/", "//", "%", "**", "~",
        "1", "0", "-1", "2.5", "1e999", "99999999999999999999", "0x", "'x'", "'%s'", "'%d'", "'{:>9}'", "\"\\u\"", "'😀'", "true", "none", "|list", "|sort", "|map('upper')", "|tojson", "|join", "|length",
        "|min", "|max", "|sum", "|int", "|round", "|default", "|groupby('k')", "|batch(2)", "|indent", "|wordwrap(3)", "|pprint", "|urlize", "|dictsort", "|unique", "|first", "|random", "|attr('k')",
        "|format(1)", "|truncate(3)", "|xmlattr", "|select('odd')", "is odd", "is defined", "is in a", "is divisibleby 0",
    ];

    [Test]
    public void RandomPiecesOfTheLanguageRenderOrAreRefused()
    {
        var random = new Random(20240726);
        var rendered = 0;
        for (var i = 0; i < 6_000; i++)
        {
            var text = new StringBuilder();
            for (var j = random.Next(1, 30); j > 0; j--)
            {
                text.Append(Pieces[random.Next(Pieces.Length)]).Append(random.Next(3) == 0 ? " " : "");
            }

            // Half of them are expressions and loops that at least have their tags right.
            rendered += Try(random.Next(4) switch { 0 => "{{ " + Terms(random) + " }}", 1 => $"{{% for x in {Terms(random)} %}}{{{{ x{Pieces[random.Next(Pieces.Length)]} }}}}{{% endfor %}}", _ => text.ToString() });
        }

        Assert.That(rendered, Is.GreaterThan(300), "some of them render");
    }

    [Test]
    public void RandomCharactersRenderOrAreRefused()
    {
        var random = new Random(1);
        var rendered = 0;
        for (var i = 0; i < 4_000; i++)
        {
            var bytes = new byte[random.Next(1, 60)];
            random.NextBytes(bytes);
            rendered += Try(i % 2 == 0 ? Encoding.Latin1.GetString(bytes) : "{{" + string.Concat(bytes.Select(b => (char)(b % 96 + 32))) + "}}");
            rendered += Try(i % 2 == 0 ? Encoding.Unicode.GetString(bytes) : "{{ '" + Encoding.Unicode.GetString(bytes) + "'.title() }}");
        }

        Assert.That(rendered, Is.GreaterThan(1_000));
    }

    [TestCase("{% set ns = namespace(x=[]) %}{% for i in range(100000) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}")]
    [TestCase("{% set ns = namespace(x=(), y=()) %}{% for i in range(60000) %}{% set ns.x = (ns.x,) %}{% set ns.y = (ns.y,) %}{% endfor %}{{ ns.x == ns.y }}{{ {ns.x: 1} }}")]
    [TestCase("{% set ns = namespace(x=1) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x|tojson|length }}")]
    [TestCase("{% set ns = namespace(x=1, y=1) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% set ns.y = [ns.y, ns.y] %}{% endfor %}{{ ns.x == ns.y }}")]
    [TestCase("{% set ns = namespace(x=1) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x|string|length }}{{ ns.x|pprint }}")]
    [TestCase("{% set ns = namespace(n=3) %}{% for i in range(99) %}{% set ns.n = ns.n * ns.n %}{% endfor %}{{ ns.n }}")]
    [TestCase("{{ 9 ** 9 ** 9 ** 9 ** 9 ** 9 }}")]
    [TestCase("{{ 'x'.center(2000000000) }}{{ 'x'.zfill(2000000000) }}")]
    [TestCase("{{ '{:999999999}'.format(1) }}")]
    [TestCase("{{ '\t'.expandtabs(999999999) }}")]
    [TestCase("{{ [1]|batch(999999999, 0)|list }}")]
    [TestCase("{% macro f() %}{% call g() %}{% endcall %}{% endmacro %}{% macro g() %}{{ caller }}{{ f() }}{% endmacro %}{{ f() }}")]
    [TestCase("{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}")]
    [TestCase("{% set s = 'a ' * 9000000 %}{% for i in range(100000) %}{{ s is string }}{{ 'b' in s }}{{ s[i] }}{% endfor %}")]
    [TestCase("{% set s = 'a ' * 9000000 %}{{ s.split()|length }}")]
    [TestCase("{% set s = 'a' * 30000000 %}{{ ([s] * 1000)|map('upper')|list|length }}")]
    [TestCase("{{ ('a' * 3000000)|wordwrap(1)|length }}{% for i in range(100000) %}{{ ('(' * 900000 ~ ')' * 900000)|urlize|length }}{% endfor %}")]
    [TestCase("{% for i in range(100000) %}{{ '{:030000000,}'.format(1)|length }}{% endfor %}")]
    [TestCase("{% set a = 'a' * 3000000 %}{% set b = 'a' * 3000000 %}{{ ([a] * 2000)|select('eq', b)|list|length }}")]
    [TestCase("{% set a = 'a' * 3000000 ~ 'b' %}{% set b = 'a' * 3000000 ~ 'c' %}{{ ([a] * 2000)|select('lt', b)|list|length }}")]
    [TestCase("{% set s = 'ab' * 500000 %}{{ s.find('ab' * 200000 ~ 'cc' ~ 'ab' * 200000) }}")]
    [TestCase("{% set s = 'ab' * 500000 %}{{ ('ab' * 200000 ~ 'cc' ~ 'ab' * 200000) in s }}")]
    [TestCase("{% set s = 'ab' * 500000 %}{{ s.replace('ab' * 200000 ~ 'cc' ~ 'ab' * 200000, '')|length }}")]
    [TestCase("{% set s = 'ab' * 500000 %}{{ s.rsplit('ab' * 200000 ~ 'cc' ~ 'ab' * 200000)|length }}")]
    [TestCase("{% block b %}{{ self.b() }}{% endblock %}")]
    [TestCase("{% for i in [1] recursive %}{{ loop([1]) }}{% endfor %}")]
    public void WhatGrowsWithoutEndIsStopped(string template) =>
        Assert.That(() => JinjaTemplate.Parse(template, new JinjaLimits { Steps = 1_000_000 }).Render(Variables, DateTimeOffset.UnixEpoch), Throws.TypeOf<JinjaException>().With.Property("Kind").EqualTo(JinjaErrorKind.Limit));

    /// <summary>A limit that is looked at only when a text is whole comes too late: on the way it may have taken all memory.</summary>
    [TestCase("{{ strftime_now('%1000Y' * 16000)|length }}")]
    [TestCase("{% set s = 'A' * 90000 %}{{ {'k': 1}.fromkeys(range(300)|map('string'), s)|xmlattr|length }}")]
    [TestCase("{% set s = 'A' * 90000 %}{{ ([('k', s)] * 300)|urlencode|length }}")]
    [TestCase("{% set s = 'A' * 90000 %}{{ ([s] * 300)|sort|length }}")]
    [TestCase("{% set s = 'A' * 90000 %}{{ ([s] * 300)|unique|list|length }}")]
    [TestCase("{% set s = 'A' * 90000 %}{{ ([s] * 300)|min|length }}")]
    [TestCase("{% set s = 'A' * 90000 %}{{ ([{'v': s}] * 300)|groupby('v')|length }}")]
    [TestCase("{% set s = 'A' * 90000 %}{{ ('a ' * 300)|wordwrap(1, True, s)|length }}")]
    public void WhatIsMadeOnTheWayIsBounded(string template)
    {
        var parsed = JinjaTemplate.Parse(template, new JinjaLimits { Steps = 20_000, Characters = 100_000 });
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.That(() => parsed.Render(Variables, DateTimeOffset.UnixEpoch), Throws.TypeOf<JinjaException>().With.Property("Kind").EqualTo(JinjaErrorKind.Limit));
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(16 << 20));
    }

    [TestCase("{{ s.replace('\n', ' ')|length }}", "2000000")]
    [TestCase("{{ s.split('\n')|join('; ')|length }}", "2020000")]
    [TestCase("{{ s|indent|length }}", "2079996")]
    [TestCase("{{ ('{}' * 20000).format(*s.split('\n'))|length }}", "1980000")]
    [TestCase("{{ s.translate({10: ' '})|length }}", "2000000")]
    public void LongTextsAreChangedWithinTheLimits(string template, string expected)
    {
        var variables = JsonSerializer.SerializeToElement(new Dictionary<string, string> { ["s"] = string.Concat(Enumerable.Repeat(new string('x', 99) + "\n", 20_000)) });
        Assert.That(JinjaTemplate.Parse(template).Render(variables, DateTimeOffset.UnixEpoch), Is.EqualTo(expected));
    }

    [TestCase("{% set ", "(", "")]
    [TestCase("{% for ", "(", "")]
    [TestCase("{{ ", "(", "")]
    [TestCase("{{ ", "[", "")]
    [TestCase("{{ ", "{1:", "")]
    [TestCase("{{ ", "not ", "")]
    [TestCase("{{ ", "- ", "")]
    [TestCase("{{ ", "x is x(", "")]
    [TestCase("", "{% if x %}", "")]
    [TestCase("", "{% macro x(a=", "")]
    public void DeepNestsAreRefusedBeforeTheStackEnds(string before, string nest, string after) =>
        Assert.That(() => JinjaTemplate.Parse(before + string.Concat(Enumerable.Repeat(nest, 200_000)) + after), Throws.TypeOf<JinjaException>());

    [Test]
    public void ParsingTakesLinearTime()
    {
        var watch = System.Diagnostics.Stopwatch.StartNew();
        var numbers = Enumerable.Range(0, 200_000);
        JinjaTemplate.Parse("{{ " + string.Concat(numbers.Select(_ => "'ab' ")) + "}}");
        JinjaTemplate.Parse("{% macro m(" + string.Join(", ", numbers.Select(i => $"p{i:000000}")) + ") %}{% endmacro %}");
        JinjaTemplate.Parse("{{ f(" + string.Join(", ", numbers.Select(i => $"p{i:000000}=1")) + ") }}");
        Assert.That(() => JinjaTemplate.Parse("{{ 1|a" + string.Concat(numbers.Select(_ => ".a")) + " }}"), Throws.TypeOf<JinjaException>());
        Assert.That(watch.Elapsed, Is.LessThan(TimeSpan.FromSeconds(10)));
    }

    [Test]
    public void TheStepOfASliceMayBeTooLargeForANumber() =>
        Assert.That(
            JinjaTemplate.Parse("{{ range(-9223372036854775806, 9223372036854775806, 4611686018427387904)[3:0:-4]|list }}").Render(Variables, DateTimeOffset.UnixEpoch), Is.EqualTo("[4611686018427387906]"));

    [Test]
    public void LongChainsAreStoppedBeforeTheStackIs()
    {
        foreach (var chain in new[] { " + 1", "|string", ".x", " if 1", "[0]", "()", " ~ 1 * 1", " or 0", " is odd", " == 1" })
        {
            Try("{{ 1" + string.Concat(Enumerable.Repeat(chain, 20_000)) + " }}", JinjaLimits.Default);
        }

        Assert.Pass();
    }

    private static string Terms(Random random) => string.Concat(Enumerable.Range(0, random.Next(1, 6)).Select(_ => Pieces[random.Next(40, Pieces.Length)]));

    /// <summary>1 where the template renders, 0 where it is refused; anything else than a <see cref="JinjaException"/> fails the test.</summary>
    private static int Try(string template, JinjaLimits? limits = null)
    {
        try
        {
            JinjaTemplate.Parse(template, limits ?? Limits).Render(Variables, DateTimeOffset.UnixEpoch);
            return 1;
        }
        catch (JinjaException)
        {
            return 0;
        }
        catch (Exception exception)
        {
            throw new AssertionException($"{JsonSerializer.Serialize(template[..Math.Min(template.Length, 300)])} ends in {exception}");
        }
    }
}
