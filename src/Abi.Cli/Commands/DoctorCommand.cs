using System.Collections.Immutable;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Abi.Cli.CommandLine;
using Abi.Cli.Models;
using Abi.Cli.Output;
using Abi.Cli.Terminal;
using Abi.Llm;
using Abi.Llm.Sampling;
using Abi.Models.Stories;

namespace Abi.Cli.Commands;

/// <summary>Tells what the machine offers and whether Abi works on it.</summary>
internal sealed class DoctorCommand : Command
{
    private const long LeastMemory = 512L << 20;
    private const string Prompt = "Once upon a time";
    private const int Tokens = 16;

    /// <inheritdoc/>
    public override string Name => "doctor";

    /// <inheritdoc/>
    public override string Summary => "Tell what this machine offers, and try whether everything works.";

    /// <inheritdoc/>
    public override ImmutableArray<OptionGroup> Groups => [new("options", [ModelOptions.Threads, ModelOptions.Json])];

    /// <inheritdoc/>
    public override string Remarks => "Ends with 1 when something is wrong.";

    /// <inheritdoc/>
    public override async Task<int> RunAsync(ParsedArguments arguments, CliConsole console, CancellationToken cancellationToken)
    {
        List<DoctorCheck> checks = [.. Machine()];
        checks.AddRange(await FeaturesAsync(cancellationToken).ConfigureAwait(false));
        checks.AddRange(await GenerationAsync(arguments.Get(ModelOptions.Threads), cancellationToken).ConfigureAwait(false));
        var isOk = checks.TrueForAll(check => check.Status != "error");
        if (arguments.Get(ModelOptions.Json))
        {
            CliJson.WriteLine(console, new DoctorResult(isOk, [.. checks]), CliJson.Results.DoctorResult);
        }
        else
        {
            foreach (var check in checks)
            {
                console.Out.WriteLine($"{check.Status,-8} {check.Name,-13} {check.Text}");
            }
        }

        return isOk ? ExitCode.Success : ExitCode.Failed;
    }

    private static IEnumerable<DoctorCheck> Machine()
    {
        yield return new("version", "info", $"abi {CliApplication.Version}, {RuntimeInformation.FrameworkDescription} on {RuntimeInformation.OSDescription} ({RuntimeInformation.RuntimeIdentifier})");
        yield return new("processor", "info", $"{Processor.Name()}, {Environment.ProcessorCount} cores for this process");
        var sets = string.Join(", ", Processor.InstructionSets());
        var vectors = $"{Processor.VectorBits} bits; {sets}";
        yield return Processor.VectorBits switch
        {
            0 => new("vectors", "warning", "no vector instructions are usable: everything works, slowly. Are intrinsics switched off by DOTNET_EnableHWIntrinsic?"),
            128 when RuntimeInformation.ProcessArchitecture == Architecture.X64 => new(
                "vectors", "warning", $"{vectors}: everything works, many times slower than with AVX2 and FMA. Are they switched off by a variable, or was this compiled ahead of time without IlcInstructionSet?"),
            _ => new("vectors", "ok", vectors),
        };
        var total = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        var free = Processor.AvailableMemory() is { } available ? $", {Sizes.Bytes(Math.Min(available, total))} of it free" : "";
        yield return total >= LeastMemory
            ? new("memory", "ok", $"{Sizes.Bytes(total)} for this process{free}")
            : new("memory", "warning", $"{Sizes.Bytes(total)} for this process{free}: too little for most models");
    }

    private static async Task<ImmutableArray<DoctorCheck>> FeaturesAsync(CancellationToken cancellationToken)
    {
        var framework = await AbiBuilder.Create().BuildAsync(cancellationToken).ConfigureAwait(false);
        await using (framework.ConfigureAwait(false))
        {
            return [.. framework.Features.Select(feature => new DoctorCheck(
                "feature", "info", $"{feature.Name}: {(feature.Status == FeatureStatus.CompiledOut ? "compiled out" : "built in")}"))];
        }
    }

    private static async Task<ImmutableArray<DoctorCheck>> GenerationAsync(int? threads, CancellationToken cancellationToken)
    {
        if (!File.Exists(StoriesModel.Path))
        {
            return [new("model", "error", $"The model that comes with the tool is missing at '{StoriesModel.Path}'. Install the tool again.")];
        }

        try
        {
            using var device = ComputeDevice.Create(threads);
            var start = Stopwatch.GetTimestamp();
            var model = await LanguageModel.LoadAsync(StoriesModel.Path, new ModelLoadOptions { Device = device }, cancellationToken: cancellationToken).ConfigureAwait(false);
            await using var _ = model.ConfigureAwait(false);
            var loaded = Stopwatch.GetElapsedTime(start);
            var options = new GenerationOptions { Sampling = SamplingOptions.Greedy, MaximumTokens = Tokens, IgnoreEndOfGeneration = true, LogProbabilities = 0 };
            var result = await model.CompleteAsync(Prompt, options, cancellationToken: cancellationToken).ConfigureAwait(false);
            var isSound = result.Tokens.Length == Tokens && result.Text.Length > 0 && result.Tokens.All(token => float.IsFinite(token.LogProbability));
            return
            [
                new("device", "ok", $"'{device.Name}' with {threads ?? Environment.ProcessorCount} threads"),
                new("model", "ok", string.Create(CultureInfo.InvariantCulture, $"{StoriesModel.Path} loads in {loaded.TotalMilliseconds:F0} ms")),
                isSound
                    ? new("generation", "ok", string.Create(CultureInfo.InvariantCulture, $"\"{Prompt}{result.Text.ReplaceLineEndings(" ")}\" at {result.Outcome.Timings.GeneratedTokensPerSecond:F1} t/s"))
                    : new("generation", "error", $"{result.Tokens.Length} of {Tokens} tokens came, or their probabilities are not numbers: the device '{device.Name}' computes wrongly here. Please report it, with this output."),
            ];
        }
        catch (AbiException e)
        {
            return [new("model", "error", e.Message)];
        }
    }
}
