using System.Globalization;
using System.Text.RegularExpressions;
using Abi.Llm.Gguf;
using Abi.Llm.Models;

namespace Abi.Llm.Tests.Models;

/// <summary>The table against its documentation and, by name, against the reference implementation.</summary>
public sealed class ArchitectureTableTests
{
    /// <summary>Generated files that are no models: the reference loads a Refact of experts but leaves the experts out when it runs.</summary>
    private static readonly HashSet<string> NotModels = ["refact-moe"];

    /// <summary>
    /// Every model of a folder that <c>benchmarks/compare/architectures/make-references.sh</c> made: logits of a prompt and greedy ids equal the reference's; the table of all is printed.
    /// The folder is <c>ABI_ARCHITECTURES</c>; <c>ABI_ARCHITECTURES_FILTER</c> may choose models by a regular expression.
    /// </summary>
    [Test]
    [Explicit("Needs a folder of generated models: ABI_ARCHITECTURES.")]
    public void AllArchitecturesEqualTheReference()
    {
        var folder = Environment.GetEnvironmentVariable("ABI_ARCHITECTURES");
        if (string.IsNullOrEmpty(folder))
        {
            Assert.Ignore("ABI_ARCHITECTURES names no folder.");
        }

        var filter = new Regex(Environment.GetEnvironmentVariable("ABI_ARCHITECTURES_FILTER") ?? "", RegexOptions.None, TimeSpan.FromSeconds(1));
        var wrong = new List<string>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var path in Directory.EnumerateFiles(folder!, "*.gguf").Order(StringComparer.Ordinal).Where(path => !NotModels.Contains(Path.GetFileNameWithoutExtension(path)) && filter.IsMatch(Path.GetFileNameWithoutExtension(path))))
        {
            var name = Path.GetFileNameWithoutExtension(path);
            string line;
            try
            {
                var (isEqual, text) = Compare(path, seen);
                line = $"{name,-28} {text}";
                if (!isEqual)
                {
                    wrong.Add(name);
                }
            }
            catch (UnsupportedModelException)
            {
                line = $"{name,-28} not supported";
            }
            catch (Exception e)
            {
                line = $"{name,-28} {e.GetType().Name}: {e.Message}";
                wrong.Add(name);
            }

            TestContext.Out.WriteLine(line);
        }

        TestContext.Out.WriteLine($"{seen.Count} architectures equal; {wrong.Count} models differ: {string.Join(", ", wrong)}");
        TestContext.Out.WriteLine($"In the table but not seen: {string.Join(", ", ModelDefinition.SupportedArchitectures.Except(seen))}");
        Assert.That(wrong, Is.Empty);
    }

    /// <summary>Writes the models that the reference's own tests make none of to the folder <c>ABI_ARCHITECTURES</c>, for <c>make-references.sh</c>.</summary>
    [Test]
    [Explicit("Writes models to a folder: ABI_ARCHITECTURES.")]
    public void WriteModelsOfOurOwn()
    {
        var folder = Environment.GetEnvironmentVariable("ABI_ARCHITECTURES")!;
        Directory.CreateDirectory(folder);
        foreach (var name in GemmaModels.Names)
        {
            GemmaModels.Write(Path.Combine(folder, $"{name}.gguf"), name);
        }

        foreach (var name in DecoderModels.Names)
        {
            DecoderModels.Write(Path.Combine(folder, $"{name}.gguf"), name);
        }
    }

    [Test]
    public void DocumentationListsTheTable()
    {
        var text = File.ReadAllText(Path.Combine(Repository.Root, "docs", "models.md"));
        Assert.Multiple(() =>
        {
            Assert.That(Listed(text, "## Supported"), Is.EqualTo(ModelDefinition.SupportedArchitectures), "docs/models.md, 'Supported'");
            Assert.That(Listed(text, "## Not supported"), Is.EqualTo(ModelDefinition.UnsupportedArchitectures), "docs/models.md, 'Not supported'");
        });
    }

    [Test]
    public void UnknownArchitecturesAreRefusedByName()
    {
        var path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.gguf");
        try
        {
            new GgufWriter(new GgufMetadata([]).With("general.architecture", GgufValue.Of("deepseek4"))).Write(path);
            using var file = GgufFile.Open(path);
            var error = Assert.Throws<UnsupportedModelException>(() => ModelDefinition.Create(file))!;
            Assert.That(error.Message, Does.Contain("'deepseek4' is not supported").And.Contain("llama").And.Contain("Known, but not supported"));
        }
        finally
        {
            File.Delete(path);
        }
    }

    /// <summary>The names between backquotes in the one paragraph that stands first under a heading.</summary>
    private static string[] Listed(string text, string heading)
    {
        var section = text[(text.IndexOf(heading, StringComparison.Ordinal) + heading.Length)..].TrimStart();
        var paragraph = section[..section.IndexOf("\n\n", StringComparison.Ordinal)];
        return [.. Regex.Matches(paragraph, "`([^`]+)`", RegexOptions.None, TimeSpan.FromSeconds(1)).Select(match => match.Groups[1].Value)];
    }

    private static (bool IsEqual, string Text) Compare(string path, HashSet<string> seen)
    {
        using var file = GgufFile.Open(path);
        var model = ModelDefinition.Create(file);
        var reference = Path.ChangeExtension(path, ".npy");
        if (model.Kind == ModelKind.EncoderDecoder || !File.Exists(reference) || (model.DecoderGraph is null && File.Exists(Path.ChangeExtension(path, ".greedy"))))
        {
            return (true, "no reference logits");
        }

        var (shape, logits) = Testing.NpyFile.Read<float>(reference);
        if (model.DecoderGraph is null)
        {
            var embeddingError = Error(EncoderTests.Embed(TestDevice.Cpu, model, EmbeddingPooling.None, Prompt(shape[0], model.Hyperparameters.VocabularySize)), logits);
            _ = embeddingError <= 1e-6 && seen.Add(model.Architecture);
            return (embeddingError <= 1e-6, $"NMSE {embeddingError:E1} of embeddings");
        }

        (int Id, float Margin)[] greedy = [.. File.ReadLines(Path.ChangeExtension(path, ".greedy")).Select(line => line.Split(' ')).Select(parts => (int.Parse(parts[0], CultureInfo.InvariantCulture), float.Parse(parts[1], CultureInfo.InvariantCulture)))];
        using var device = TestDevice.Cpu.Create();
        using var runner = new ModelRunner(device, model, context: shape[0] + greedy.Length);
        var (rows, vocabulary) = (shape[0], shape[1]);
        var found = runner.Feed(Prompt(rows, vocabulary));
        var error = Error(found, logits);
        var usesGelu = model.DecoderGraph.Operations.Any(operation => operation is Compute.Graphs.Activate { Kind: Compute.Graphs.ActivationKind.Gelu or Compute.Graphs.ActivationKind.GeluErf or Compute.Graphs.ActivationKind.GeluQuick } or Compute.Graphs.Gate { Kind: Compute.Graphs.GateKind.GeGlu or Compute.Graphs.GateKind.GeGluErf });
        var steps = 0;
        var last = found.AsSpan(^vocabulary..).ToArray();
        foreach (var (id, margin) in greedy)
        {
            if (margin < (usesGelu ? 2e-2f : 1e-3f))
            {
                break;
            }

            if (Array.IndexOf(last, last.Max()) != id)
            {
                return (false, $"NMSE {error:E1}, greedy step {steps} differs");
            }

            steps++;
            last = runner.Feed([id]);
        }

        var isEqual = error <= (usesGelu ? 1e-4 : 1e-6);
        if (isEqual)
        {
            seen.Add(model.Architecture);
        }

        return (isEqual, $"NMSE {error:E1}, {steps} greedy steps{(isEqual ? "" : " WRONG")}");
    }

    internal static int[] Prompt(int length, int vocabulary)
    {
        var state = 12345u;
        var ids = new int[length];
        for (var i = 0; i < length; i++)
        {
            state = unchecked((state * 1664525u) + 1013904223u);
            ids[i] = (int)((state >> 8) % (uint)Math.Min(vocabulary, 128));
        }

        return ids;
    }

    internal static double Error(float[] found, float[] expected)
    {
        if (found.Length != expected.Length)
        {
            return double.PositiveInfinity;
        }

        double difference = 0, size = 0;
        for (var i = 0; i < found.Length; i++)
        {
            // The least number stands for a token that is never next; beside it, all others would count for nothing. The reference has it in the first row of a step alone.
            if (found[i] == float.MinValue)
            {
                continue;
            }

            difference += (found[i] - (double)expected[i]) * (found[i] - (double)expected[i]);
            size += (double)expected[i] * expected[i];
        }

        return double.IsFinite(difference) ? difference / size : double.PositiveInfinity;
    }
}
