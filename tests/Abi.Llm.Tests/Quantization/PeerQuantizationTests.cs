using System.Diagnostics;
using System.Text.RegularExpressions;
using Abi.Compute.Formats;
using Abi.Llm.Gguf;
using Abi.Llm.Models;
using Abi.Llm.Quantization;
using Abi.Testing;

namespace Abi.Llm.Tests.Quantization;

/// <summary>Compares with llama.cpp's own tools: <c>ABI_PEERS</c> is a root folder in which <c>chroot</c> finds them.</summary>
public sealed partial class PeerQuantizationTests
{
    private string _root = string.Empty;
    private string _folder = string.Empty;

    [SetUp]
    public void FindPeers()
    {
        _root = Environment.GetEnvironmentVariable("ABI_PEERS") ?? string.Empty;
        if (!File.Exists(Path.Combine(_root, "usr", "bin", "llama-quantize")))
        {
            Assert.Ignore("llama.cpp's tools are absent: set ABI_PEERS to a root folder that has them.");
        }

        _folder = Directory.CreateTempSubdirectory("abi-peers").FullName;
        Directory.CreateDirectory(_root + _folder);
    }

    [TearDown]
    public void RemoveFolders()
    {
        if (_folder.Length > 0)
        {
            Directory.Delete(_folder, recursive: true);
            Directory.Delete(_root + _folder, recursive: true);
        }
    }

    [Test]
    [Explicit("Minutes; run by name with ABI_PEERS.")]
    public void EveryMixtureGivesLlamaQuantizesFile()
    {
        var models = new List<string>();
        foreach (var shape in new[] { "tiny,blocks=16", "tiny,kvheads=1,blocks=10", "tiny,experts=8,used=2,blocks=10", "tiny,architecture=qwen3moe,experts=4,used=2", "tiny,tied=true", "stories,vocabulary=400", "tiny,embedding=80,feedforward=48,heads=5,kvheads=5" })
        {
            models.Add(Path.Combine(_root + _folder, $"model{models.Count}.gguf"));
            RandomModel.Write(models[^1], ModelShape.Parse(shape), QuantizationTarget.Parse(models.Count % 2 == 0 ? "F16" : "F32"), models.Count);
        }

        foreach (var source in Directory.GetFiles(Fixtures.Path("models"), "*.gguf"))
        {
            models.Add(Path.Combine(_root + _folder, Path.GetFileName(source)));
            File.Copy(source, models[^1]);
        }

        var (equal, refused) = (0, 0);
        var ours = Path.Combine(_folder, "ours.gguf");
        var theirs = Path.Combine(_root + _folder, "theirs.gguf");
        foreach (var model in models)
        {
            foreach (var target in QuantizationTarget.All.Where(target => !target.IsPlain))
            {
                if (Run("llama-quantize", "--allow-requantize", model[_root.Length..], theirs[_root.Length..], target.Name, "1").Code != 0)
                {
                    refused++;
                    continue;
                }

                ModelQuantizer.Quantize(model, ours, target, new ModelQuantizerOptions { AllowRequantize = true });
                Assert.That(File.ReadAllBytes(ours).AsSpan().SequenceEqual(File.ReadAllBytes(theirs)), $"{Path.GetFileName(model)} as {target}");
                equal++;
            }
        }

        TestContext.Out.WriteLine($"{equal} files equal, {refused} refused by llama-quantize (importance weights, or no smaller blocks)");
        Assert.That(equal, Is.GreaterThan(500));
    }

    [Test]
    [Explicit("Minutes; run by name with ABI_PEERS.")]
    public void EveryArchitectureGetsLlamaQuantizesTypes()
    {
        // Tiny models of every architecture, as llama.cpp's own test writes them.
        Assert.That(Run("test-llama-archs", "-o", _folder).Output, Is.Not.Empty);
        var (tensors, files) = (0, 0);
        foreach (var model in Directory.GetFiles(_root + _folder, "*.gguf"))
        {
            using var file = GgufFile.Open(model);
            foreach (var target in QuantizationTarget.All.Where(target => !target.IsPlain))
            {
                var (code, output) = Run("llama-quantize", "--allow-requantize", "--dry-run", model[_root.Length..], "none", target.Name);
                if (code != 0 || output.Contains("require an imatrix", StringComparison.Ordinal))
                {
                    continue;
                }

                var plan = ModelQuantizer.Plan(file, target, new ModelQuantizerOptions { AllowRequantize = true });
                var theirs = DryRunLine().Matches(output).Select(match => (match.Groups["name"].Value, Type: (match.Groups["to"].Success ? match.Groups["to"] : match.Groups["from"]).Value.ToUpperInvariant())).ToList();
                Assert.That(plan.Select(entry => (entry.Name, entry.To.ToString())), Is.EqualTo(theirs), $"{Path.GetFileName(model)} as {target}");
                tensors += theirs.Count;
            }

            files++;
        }

        TestContext.Out.WriteLine($"{tensors} tensors of {files} models equal");
        Assert.That(files, Is.GreaterThan(100));
    }

    [Test]
    [Explicit("Needs ABI_PEERS.")]
    public void LlamaCppOpensRandomModels()
    {
        var model = Path.Combine(_root + _folder, "model.gguf");
        foreach (var (shape, target) in new[] { ("tiny", "Q4_K_M"), ("tiny,architecture=qwen2", "F16"), ("tiny,architecture=qwen3,headlength=128", "Q8_0"), ("tiny,experts=4,used=2", "Q4_0"), ("tiny,architecture=qwen3moe,experts=4,used=2", "BF16"), ("tiny,tied=true,ropefactor=8", "IQ3_S") })
        {
            RandomModel.Write(model, ModelShape.Parse(shape), QuantizationTarget.Parse(target));
            var (code, output) = Run("llama-bench", "-m", model[_root.Length..], "-p", "8", "-n", "4", "-r", "1");
            Assert.That(code, Is.Zero, $"{shape} as {target}: {output}");
            Assert.That(output, Does.Contain("tg4"), $"{shape} as {target}");
        }
    }

    private (int Code, string Output) Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo("chroot", [_root, program, .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + errors.Result);
    }

    [GeneratedRegex(@"\[ *\d+/ *\d+\] (?<name>\S+) +- \[[^\]]*\], type = +(?<from>\w+), (?:warning.*\n)?size = .*MiB(?: -> .*\((?<to>\w+)\))?", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex DryRunLine();
}
