using System.Runtime.Loader;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace Abi.Docs.Tests;

[NonParallelizable]
public sealed class SnippetTests
{
    private const string Usings = """
        global using System;
        global using System.Collections.Generic;
        global using System.IO;
        global using System.Linq;
        global using System.Threading;
        global using System.Threading.Tasks;
        """;

    private static readonly MetadataReference[] References =
    [
        .. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator).Select(path => MetadataReference.CreateFromFile(path)),
    ];

    public static IEnumerable<TestCaseData> Snippets() => Snippet.All(Repository.Root).Select(snippet => new TestCaseData(snippet).SetName($"Snippet {snippet}"));

    [TestCaseSource(nameof(Snippets))]
    public async Task CompilesAndRuns(Snippet snippet)
    {
        var options = new CSharpParseOptions(LanguageVersion.Latest);
        var compilation = CSharpCompilation.Create(
            $"snippet_{snippet.File.GetHashCode(StringComparison.Ordinal):x8}_{snippet.Line}",
            [CSharpSyntaxTree.ParseText(Usings, options), CSharpSyntaxTree.ParseText(snippet.Code, options)],
            References,
            new CSharpCompilationOptions(OutputKind.ConsoleApplication, allowUnsafe: true, nullableContextOptions: NullableContextOptions.Enable));
        using var image = new MemoryStream();
        var result = compilation.Emit(image);
        Assert.That(result.Diagnostics.Where(d => d.Severity == DiagnosticSeverity.Error), Is.Empty, $"{snippet} does not compile");
        if (!snippet.IsRun)
        {
            return;
        }

        image.Position = 0;
        var output = await RunAsync(image);
        await TestContext.Out.WriteLineAsync(output);
    }

    [Test]
    public void EveryPublicDocumentIsLookedAt() => Assert.That(Snippet.All(Repository.Root).Select(s => s.File), Does.Contain("README.md"));

    private static async Task<string> RunAsync(Stream image)
    {
        var folder = Directory.CreateTempSubdirectory("abi-snippet-");
        var (previousFolder, previousOut) = (Environment.CurrentDirectory, Console.Out);
        var output = new StringWriter();
        try
        {
            Environment.CurrentDirectory = folder.FullName;
            Console.SetOut(output);
            var entry = AssemblyLoadContext.Default.LoadFromStream(image).EntryPoint!;
            var returned = entry.Invoke(null, entry.GetParameters().Length == 0 ? null : [Array.Empty<string>()]);
            if (returned is Task task)
            {
                await task.WaitAsync(TimeSpan.FromMinutes(2));
            }

            return output.ToString();
        }
        finally
        {
            Console.SetOut(previousOut);
            Environment.CurrentDirectory = previousFolder;
            folder.Delete(recursive: true);
        }
    }
}
