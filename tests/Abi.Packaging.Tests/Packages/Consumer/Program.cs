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
