using System.Runtime.CompilerServices;
using System.Text;
using Abi.Cli.CommandLine;
using Abi.Cli.Terminal;

namespace Abi.Cli.Tests.CommandLine;

public sealed class HelpTests
{
    /// <summary>Set to write what is printed now instead of comparing it.</summary>
    private static readonly bool Rewrites = Environment.GetEnvironmentVariable("ABI_UPDATE_GOLDEN") == "1";

    [Test]
    public async Task HelpIsWhatTheGoldenFileSays()
    {
        var text = new StringBuilder((await CliRun.SucceedAsync("--help")).Output);
        foreach (var command in CliApplication.Commands)
        {
            text.Append(CultureInvariant($"\n$ abi {command.FullName} --help\n")).Append((await CliRun.SucceedAsync([.. command.FullName.Split(' '), "--help"])).Output);
        }

        foreach (var group in CliApplication.Commands.Select(command => command.Group?.Name).OfType<string>().Distinct())
        {
            text.Append(CultureInvariant($"\n$ abi {group} --help\n")).Append((await CliRun.SucceedAsync(group, "--help")).Output);
        }

        var path = GoldenPath();
        if (Rewrites)
        {
            File.WriteAllText(path, text.ToString());
        }

        Assert.That(text.ToString().Split('\n'), Is.EqualTo(File.ReadAllText(path).Split('\n')), "If the change is meant, run once with ABI_UPDATE_GOLDEN=1.");
    }

    [Test]
    public async Task HelpOfACommandCanBeAskedForInTwoWays() =>
        Assert.That((await CliRun.SucceedAsync("help", "generate")).Output, Is.EqualTo((await CliRun.SucceedAsync("generate", "-h")).Output));

    [Test]
    public void EverySpellingIsUniqueInItsCommandAndLooksLikeOne()
    {
        foreach (var command in CliApplication.Commands)
        {
            var names = command.AllOptions.SelectMany(option => option.Names).ToList();
            Assert.That(names, Is.Unique, command.Name);
            Assert.That(names, Has.None.EqualTo("--help").And.None.EqualTo("-h"), command.Name);
            Assert.That(names, Is.All.Match("^-{1,2}[a-z][a-z0-9-]*$"), command.Name);
            Assert.That(command.AllOptions.Select(option => option.Help), Is.All.Not.Empty.And.All.Not.EndsWith("."), command.Name);
        }
    }

    [Test]
    public async Task NoCommandIsWrongUsage()
    {
        var run = await CliRun.RunAsync();
        Assert.That((run.Code, run.Output), Is.EqualTo((ExitCode.Usage, "")));
        Assert.That(run.Error, Does.Contain("usage: abi COMMAND"));
    }

    [Test]
    public async Task AGroupTellsItsCommands()
    {
        var help = (await CliRun.SucceedAsync("db", "--help")).Output;
        Assert.That((await CliRun.SucceedAsync("help", "db")).Output, Is.EqualTo(help));
        Assert.That((await CliRun.SucceedAsync("help", "db", "create")).Output, Is.EqualTo((await CliRun.SucceedAsync("db", "create", "-h")).Output));
        var run = await CliRun.RunAsync("db");
        Assert.That((run.Code, run.Output, run.Error), Is.EqualTo((ExitCode.Usage, "", help)));
        Assert.That((await CliRun.FailAsync(ExitCode.Usage, "db", "serch")).Error, Does.Contain("There is no command 'db serch'; did you mean 'search'?"));
        Assert.That((await CliRun.FailAsync(ExitCode.Usage, "db", "get", "x")).Error, Does.Contain("usage: abi db get PATH").And.Contain("`abi db get --help`"));
    }

    [TestCase("generat", "did you mean 'generate'?")]
    [TestCase("frobnicate", "There is no command 'frobnicate'.")]
    public async Task AnUnknownCommandIsWrongUsage(string name, string message) => Assert.That((await CliRun.FailAsync(ExitCode.Usage, name)).Error, Does.Contain(message));

    [Test]
    public async Task WrongUsageNamesTheHelp()
    {
        var run = await CliRun.FailAsync(ExitCode.Usage, "perplexity");
        Assert.That(run.Error, Does.Contain("MODEL is missing").And.Contain("usage: abi perplexity MODEL [OPTIONS]").And.Contain("`abi perplexity --help`"));
        Assert.That(run.Output, Is.Empty);
    }

    [Test]
    public async Task TheVersionIsPrinted() => Assert.That((await CliRun.SucceedAsync("--version")).Output, Does.Match(@"^abi \d+\.\d+\.\d+\n$"));

    /// <summary>A full disk, a stream that is closed: no exception of the tool's own, and no success.</summary>
    [Test]
    public async Task WhatCannotBeWrittenIsAFailureOfTheCommandAlone()
    {
        using var full = new FullStream();
        using var error = new StringWriter { NewLine = "\n" };
        using (var console = new CliConsole(Stream.Null, full, error))
        {
            Assert.That(await CliApplication.RunAsync(["--version"], console), Is.EqualTo(ExitCode.Failed));
        }

        Assert.That(error.ToString(), Is.EqualTo("abi: no space\n"));
        using var silent = new StreamWriter(full) { AutoFlush = true };
        using (var console = new CliConsole(Stream.Null, Stream.Null, silent))
        {
            Assert.That(await CliApplication.RunAsync(["frobnicate"], console), Is.EqualTo(ExitCode.Usage));
        }
    }

    private sealed class FullStream : MemoryStream
    {
        public override void Write(ReadOnlySpan<byte> buffer) => throw new IOException("no space");

        public override void Write(byte[] buffer, int offset, int count) => throw new IOException("no space");
    }

    private static string CultureInvariant(FormattableString text) => FormattableString.Invariant(text);

    private static string GoldenPath([CallerFilePath] string file = "") =>
        File.Exists(file) ? Path.Combine(Path.GetDirectoryName(file)!, "..", "Golden", "help.txt") : Path.Combine(AppContext.BaseDirectory, "Golden", "help.txt");
}
