using System.Text;
using System.Text.Json;
using Abi.Cli.Terminal;

namespace Abi.Cli.Tests;

/// <summary>Runs the tool inside the test's process and keeps what it wrote.</summary>
internal sealed record CliRun(int Code, byte[] OutputBytes, string Error)
{
    /// <summary>Standard output as text.</summary>
    public string Output => Encoding.UTF8.GetString(OutputBytes);

    /// <summary>Standard output as JSON.</summary>
    public JsonElement Json => JsonDocument.Parse(OutputBytes).RootElement;

    /// <summary>The lines of standard output.</summary>
    public string[] Lines => Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    public static Task<CliRun> RunAsync(params string[] arguments) => RunAsync([], default, arguments);

    public static async Task<CliRun> RunAsync(byte[] input, CancellationToken cancellationToken, params string[] arguments)
    {
        using var output = new MemoryStream();
        using var error = new StringWriter { NewLine = "\n" };
        using var console = new CliConsole(new MemoryStream(input), output, error);
        var code = await CliApplication.RunAsync(arguments, console, cancellationToken);
        return new CliRun(code, output.ToArray(), error.ToString());
    }

    /// <summary>Runs a command that must succeed.</summary>
    public static async Task<CliRun> SucceedAsync(params string[] arguments)
    {
        var run = await RunAsync(arguments);
        Assert.That(run.Code, Is.Zero, $"abi {string.Join(' ', arguments)}\n{run.Error}");
        return run;
    }

    /// <summary>Runs a command that must fail with an exit code and a message, and without a stack trace.</summary>
    public static async Task<CliRun> FailAsync(int code, params string[] arguments)
    {
        var run = await RunAsync(arguments);
        Assert.That(run.Code, Is.EqualTo(code), $"abi {string.Join(' ', arguments)}\n{run.Error}");
        Assert.That(run.Error, Does.StartWith("abi: ").And.Not.Contain("   at ").And.Not.Contain("internal error"));
        return run;
    }
}
