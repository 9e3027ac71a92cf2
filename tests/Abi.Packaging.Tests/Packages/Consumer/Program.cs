using Abi;
using Abi.Llm;
using Abi.Llm.Gguf;
#if SUBJECT
using Abi.Stubs.Subject;
#endif

// A program that uses a feature in every way and prints what came of it; the tests read the lines.
Console.WriteLine($"options: {new GenerationOptions().GetType().Name}");
await using var abi = await AbiBuilder.Create()
#if SUBJECT
    .AddSubject()
#endif
    .BuildAsync();
foreach (var feature in abi.Features)
{
    Console.WriteLine($"feature: {feature.Name} {feature.Status}");
}

Try("llm", () => GgufFile.Open("missing.gguf").Version.ToString());
#if SUBJECT
Try("subject", () => abi.Subject.Version.ToString());
Try("subclass", () => new Rhombus().ToString());
GC.Collect();
GC.WaitForPendingFinalizers();
Try("settings", () => new Abi.Stubs.Subject.Settings().Kind("two"));
#endif

static void Try(string name, Func<string> use)
{
    try
    {
        Console.WriteLine($"{name}: {use()}");
    }
    catch (AbiException error)
    {
        Console.WriteLine($"{name}: {error.GetType().Name} {error.Message}");
    }
}

#if SUBJECT
// Its finalizer runs although the constructor of its base threw, unless the stub sees to it.
internal sealed class Rhombus : Square
{
    [System.Diagnostics.CodeAnalysis.SetsRequiredMembers]
    public Rhombus() => Size = 2;

    ~Rhombus() => Dispose(false);
}
#endif
