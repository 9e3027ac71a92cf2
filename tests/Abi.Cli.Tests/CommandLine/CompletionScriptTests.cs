using System.Diagnostics;
using Abi.Cli.CommandLine;

namespace Abi.Cli.Tests.CommandLine;

public sealed class CompletionScriptTests
{
    [TestCase("bash")]
    [TestCase("zsh")]
    [TestCase("fish")]
    [TestCase("pwsh")]
    public async Task EveryCommandAndOptionIsThere(string shell)
    {
        var script = (await CliRun.SucceedAsync("completions", shell)).Output;
        foreach (var command in CliApplication.Commands)
        {
            Assert.That(script, Does.Contain(command.Name));
            foreach (var name in command.AllOptions.SelectMany(option => option.Names))
            {
                Assert.That(script, Does.Contain(shell == "fish" ? name.TrimStart('-') : name), $"{command.Name} {name}");
            }
        }
    }

    [Test]
    public async Task AnUnknownShellIsWrongUsage() => Assert.That((await CliRun.FailAsync(ExitCode.Usage, "completions", "tcsh")).Error, Does.Contain("bash, zsh, fish and pwsh"));

    [TestCase("abi gen", "generate")]
    [TestCase("abi tokenize --js", "--json --jsonl")]
    [TestCase("abi generate --context-full tr", "truncate")]
    [TestCase("abi quantize in out Q4_K_", "Q4_K_M Q4_K_S")]
    [TestCase("abi help per", "perplexity")]
    [TestCase("abi d", "db detokenize doctor")]
    [TestCase("abi db s", "search stats")]
    [TestCase("abi db create --dis", "--distance")]
    [TestCase("abi db create --distance d", "dot")]
    public async Task BashCompletes(string line, string expected)
    {
        if (!File.Exists("/bin/bash"))
        {
            Assert.Ignore("There is no bash here.");
        }

        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["abi.bash"], CompletionScripts.Bash(CliApplication.Commands));
        File.WriteAllText(folder["try.bash"], """
            source "$1"; shift
            COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _abi
            printf '%s\n' "${COMPREPLY[@]}" | sort -u | paste -sd' '
            """);
        using var bash = Process.Start(new ProcessStartInfo("/bin/bash", [folder["try.bash"], folder["abi.bash"], .. line.Split(' ')]) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = folder.Path })!;
        var output = await bash.StandardOutput.ReadToEndAsync();
        Assert.That(await bash.StandardError.ReadToEndAsync(), Is.Empty);
        Assert.That(output.Trim(), Is.EqualTo(expected));
    }
}
