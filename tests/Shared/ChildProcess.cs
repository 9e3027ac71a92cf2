using System.Diagnostics;
using System.Reflection;

namespace Abi.Testing;

/// <summary>
/// Runs a static method of the test assembly in a process of its own: without the test host's threads beside it, or with other switches of the runtime. The assembly's entry
/// point has to be <see cref="Serve"/>.
/// </summary>
internal static class ChildProcess
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);

    /// <summary>Runs <paramref name="method"/> and returns what it wrote to standard output; fails the running test when it throws.</summary>
    /// <param name="method">A static method of the test assembly that takes strings and returns nothing.</param>
    /// <param name="environment">Variables set for the process.</param>
    /// <param name="arguments">What the method is called with.</param>
    public static string Run(Delegate method, IReadOnlyDictionary<string, string>? environment, params string[] arguments)
    {
        var type = method.Method.DeclaringType!;
        var assembly = type.Assembly.Location;
        var isItself = Environment.ProcessPath == System.IO.Path.ChangeExtension(assembly, OperatingSystem.IsWindows() ? ".exe" : null); // as in a TestProcess
        var start = new ProcessStartInfo(isItself || System.IO.Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet" ? Environment.ProcessPath! : "dotnet")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var argument in (string[])[.. isItself ? Array.Empty<string>() : ["exec", assembly], type.FullName!, method.Method.Name, .. arguments])
        {
            start.ArgumentList.Add(argument);
        }

        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEndAsync();
        if (!process.WaitForExit(Limit))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"{type.Name}.{method.Method.Name} did not end within {Limit}.");
        }

        process.WaitForExit();
        Assert.That(process.ExitCode, Is.Zero, () => $"{type.Name}.{method.Method.Name} failed:\n{errors.Result}\n{output.Result}");
        return output.Result;
    }

    /// <summary>The other side: calls the method that the arguments name.</summary>
    public static int Serve(string[] arguments)
    {
        if (arguments is [TestProcess.Argument, ..])
        {
            return TestProcess.Run(arguments);
        }

        if (arguments.Length < 2)
        {
            Console.Error.WriteLine("These are tests: run them with dotnet test.");
            return 2;
        }

        var method = Assembly.GetExecutingAssembly().GetType(arguments[0], throwOnError: true)!.GetMethod(arguments[1], BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic)!;
        try
        {
            method.Invoke(null, arguments[2..].Cast<object>().ToArray());
            return 0;
        }
        catch (TargetInvocationException exception)
        {
            Console.Error.WriteLine(exception.InnerException);
            return 1;
        }
    }
}
