using System.Reflection;
using System.Runtime.Loader;

namespace Abi.Packaging.Tests.Stubs;

/// <summary>A feature assembly and the stub that the build made of it.</summary>
/// <param name="Assembly">Its name.</param>
/// <param name="Feature">The feature's.</param>
/// <param name="LeastSurface">Its public surface has more lines than this, so that comparing it compares something.</param>
public sealed record StubSubject(string Assembly, string Feature, int LeastSurface = 50)
{
    /// <summary>Every feature that exists, and the assembly of hard cases.</summary>
    public static IReadOnlyList<StubSubject> All { get; } = [new("Abi.Llm", "Llm"), new("Abi.Database", "Database"), new("Abi.Database.Postgres", "Postgres", LeastSurface: 40), new("Abi.Stubs.Subject", "Subject")];

    public string Property => $"AbiEnable{Feature}";

    public string RealPath => Path.Combine(Repository.Output(Assembly), $"{Assembly}.dll");

    public string StubPath => Path.Combine(Repository.Output(Assembly), "stubs", $"{Assembly}.dll");

    public string ReferencesPath => Path.Combine(Repository.Intermediate(Assembly), "stub", "references.txt");

    public override string ToString() => Assembly;

    /// <summary>Loads the stub where no real feature assembly is, only Abi.Core, the packages that stubs keep, and the framework.</summary>
    public Assembly LoadStub()
    {
        var keeps = File.ReadAllLines(Path.Combine(Repository.Intermediate(Assembly), "stub", $"{Assembly}.keeps"));
        var context = new AssemblyLoadContext($"stub of {Assembly}");
        context.Resolving += (_, name) => keeps.Contains(name.Name) ? AssemblyLoadContext.Default.LoadFromAssemblyName(name) : throw new FileNotFoundException($"{name} is not there when {Feature} is compiled out.");
        return context.LoadFromAssemblyPath(StubPath);
    }
}
