using NUnit.Framework.Api;
using NUnit.Framework.Interfaces;
using NUnit.Framework.Internal;

namespace Abi.Testing;

/// <summary>Runs the tests of the assembly in its own process, without a test host: where there is none, as under an emulator of another processor.</summary>
internal static class TestProcess
{
    /// <summary>The first argument of a process that is to do so.</summary>
    public const string Argument = "--tests";

    /// <summary>Runs all tests but the explicit ones, or those whose full names match an expression; writes each that is not passed, and how many there were.</summary>
    /// <param name="arguments"><see cref="Argument"/> and an expression, if any.</param>
    /// <returns>Zero where none failed and any passed.</returns>
    public static int Run(string[] arguments)
    {
        var runner = new NUnitTestAssemblyRunner(new DefaultTestAssemblyBuilder());
        runner.Load(typeof(TestProcess).Assembly, new Dictionary<string, object>());
        var filter = arguments is [_, var expression] ? TestFilter.FromXml($"<filter><test re=\"1\">{System.Security.SecurityElement.Escape(expression)}</test></filter>") : TestFilter.Empty;
        var result = runner.Run(new Listener(), filter);
        Console.WriteLine($"{result.PassCount} passed, {result.FailCount} failed, {result.SkipCount} skipped, {result.Duration:F0} s");
        return result.FailCount == 0 && result.PassCount > 0 ? 0 : 1;
    }

    private sealed class Listener : ITestListener
    {
        public void TestStarted(ITest test)
        {
        }

        public void TestFinished(ITestResult result)
        {
            if (!result.Test.IsSuite && result.ResultState.Status != TestStatus.Passed)
            {
                Console.WriteLine($"{result.ResultState}: {result.FullName}\n{result.Message}\n{result.StackTrace}");
            }
        }

        public void TestOutput(TestOutput output)
        {
        }

        public void SendMessage(TestMessage message)
        {
        }
    }
}
