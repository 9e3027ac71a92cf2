using System.Collections.Immutable;
using Abi.Cli.CommandLine;
using Abi.Cli.Terminal;

namespace Abi.Cli.Tests.CommandLine;

public sealed class CommandLineParserTests
{
    private static readonly Subject Command = new();

    [Test]
    public void OptionsAndArgumentsComeInAnyOrder()
    {
        var parsed = Parse("--text", "hi", "file", "-npl", "1,2", "other");
        Assert.That((parsed.Get(Subject.First), parsed.Find(Subject.Second), parsed.Get(Subject.Text)), Is.EqualTo(("file", "other", "hi")));
        Assert.That(parsed.Get(Subject.Lists), Is.EqualTo(new[] { 1, 2 }));
        Assert.That(parsed.Get(Subject.Flag), Is.False);
    }

    [TestCase("-n", "-1", -1)]
    [TestCase("-n", "7", 7)]
    [TestCase("--count", "7", 7)]
    public void AValueMayBeginWithADash(string name, string value, int expected) => Assert.That(Parse("a", name, value).Get(Subject.Count), Is.EqualTo(expected));

    [TestCase("--")]
    [TestCase("--json")]
    [TestCase("-h")]
    [TestCase("")]
    public void AnOptionTakesTheNextArgumentWhateverItIs(string text) => Assert.That(Parse("a", "--text", text).Get(Subject.Text), Is.EqualTo(text));

    [Test]
    public void AnEqualsSignWorksToo() => Assert.That(Parse("a", "--text=b=c", "-n=3") is var parsed ? (parsed.Get(Subject.Text), parsed.Get(Subject.Count)) : default, Is.EqualTo(("b=c", 3)));

    [Test]
    public void TwoDashesEndTheOptions() => Assert.That(Parse("--", "--json").Get(Subject.First), Is.EqualTo("--json"));

    [Test]
    public void OneDashIsAnArgument() => Assert.That(Parse("-").Get(Subject.First), Is.EqualTo("-"));

    [Test]
    public void AnArgumentMayComeByItsOption()
    {
        var parsed = Parse("-m", "model", "second");
        Assert.That((parsed.Get(Subject.First), parsed.Find(Subject.Second)), Is.EqualTo(("model", "second")));
    }

    [Test]
    public void RepeatableOptionsKeepTheirOrder() => Assert.That(Parse("a", "--stop", "x", "--stop", "y").GetAll(Subject.Stops), Is.EqualTo(new[] { "x", "y" }));

    [TestCase("--help")]
    [TestCase("-h")]
    public void HelpIsAskedFor(string name) => Assert.That(CommandLineParser.Parse(Command, ["a", name]), Is.Null);

    [TestCase("First is missing", "--json")]
    [TestCase("'c' is one argument too many", "a", "b", "c")]
    [TestCase("'--text' needs a value", "a", "--text")]
    [TestCase("no option '--tekst'; did you mean '--text'?", "a", "--tekst")]
    [TestCase("no option '--unlike-anything'.", "a", "--unlike-anything")]
    [TestCase("'-n' is given twice", "a", "-n", "1", "-n", "2")]
    [TestCase("'--count' is given twice", "a", "-n", "1", "--count", "2")]
    [TestCase("'-n' needs N, but got 'x'", "a", "-n", "x")]
    [TestCase("'--count' needs N, but got '99999999999'", "a", "--count", "99999999999")]
    [TestCase("it must be -1 or more", "a", "-n", "-2")]
    [TestCase("must be one of: red, blue", "a", "--colour", "green")]
    [TestCase("'--number' needs N, but got 'NaN'", "a", "--number", "NaN")]
    [TestCase("'--number' needs N, but got '1,5'", "a", "--number", "1,5")]
    public void MistakesAreNamed(string message, params string[] arguments) =>
        Assert.That(() => CommandLineParser.Parse(Command, arguments), Throws.TypeOf<UsageException>().With.Message.Contains(message));

    private static ParsedArguments Parse(params string[] arguments) => CommandLineParser.Parse(Command, arguments)!;

    private sealed class Subject : Command
    {
        public static readonly Option<string?> Named = Options.Text("-m --model", "FILE", "by name");
        public static readonly Argument First = new("First", "the first") { Alternative = Named };
        public static readonly Argument Second = new("Second", "the second", IsRequired: false);
        public static readonly Option<string?> Text = Options.Text("--text", "TEXT", "a text");
        public static readonly Option<int> Count = Options.Integer("-n --count", "a count", 5, minimum: -1);
        public static readonly Option<float> Number = Options.Number("--number", "a number", 1);
        public static readonly Option<bool> Flag = Options.Switch("--json", "a switch");
        public static readonly Option<ImmutableArray<int>> Lists = Options.Integers("-npl", "N,N", "numbers", []);
        public static readonly Option<string> Stops = Options.Texts("--stop", "TEXT", "texts");
        public static readonly Option<string> Colour = Options.Choice("--colour", "COLOUR", "a colour", "red", "red", "blue");

        public override string Name => "subject";

        public override string Summary => "A command.";

        public override ImmutableArray<Argument> Arguments => [First, Second];

        public override ImmutableArray<OptionGroup> Groups => [new("options", [Named, Text, Count, Number, Flag, Lists, Stops, Colour])];

        public override Task<int> RunAsync(ParsedArguments arguments, CliConsole console, CancellationToken cancellationToken) => Task.FromResult(0);
    }
}
