using System.Globalization;
using System.Collections.Immutable;
using Abi.Cli.CommandLine;
using Abi.Cli.Terminal;
using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Llm;
using Abi.Llm.Engine;
using Abi.Llm.Gguf;

namespace Abi.Cli.Models;

/// <summary>A model that a command loaded by its options, with the device that computes.</summary>
internal sealed class LoadedModel : IAsyncDisposable
{
    private readonly IDevice _device;
    private readonly List<LoraAdapter> _adapters = [];
    private LanguageModel? _draft;

    private LoadedModel(LanguageModel model, IDevice device, int threads, TimeSpan loadTime)
    {
        Model = model;
        _device = device;
        Threads = threads;
        LoadTime = loadTime;
    }

    /// <summary>The model.</summary>
    public LanguageModel Model { get; }

    /// <summary>The threads that compute.</summary>
    public int Threads { get; }

    /// <summary>What loading took.</summary>
    public TimeSpan LoadTime { get; }

    /// <summary>Loads the model that the arguments name, with the options that they set.</summary>
    /// <param name="arguments">What was given.</param>
    /// <param name="console">Shows progress.</param>
    /// <param name="adjust">The command's own settings.</param>
    /// <param name="threads">Threads that compute, where the command reads them itself.</param>
    /// <param name="cancellationToken">Ctrl-C.</param>
    public static async Task<LoadedModel> OpenAsync(
        ParsedArguments arguments, CliConsole console, Func<EngineOptions, EngineOptions>? adjust = null, int? threads = null, CancellationToken cancellationToken = default)
    {
        var path = ModelSource.Resolve(arguments.Get(ModelOptions.ModelArgument));
        threads ??= arguments.Get(ModelOptions.Threads);
        var (isFloat, trained) = Inspect(path, cancellationToken);
        var engine = new EngineOptions
        {
            ContextLength = arguments.Get(ModelOptions.Context) is { } length ? (length > 0 ? length : trained) : null,
            MaximumRows = arguments.Get(ModelOptions.Batch),
            Activations = ModelOptions.ReadActivations(arguments),
            CacheType = ModelOptions.ReadCacheType(arguments.Get(ModelOptions.CacheType), isFloat),
            ValueCacheType = ModelOptions.ReadValueCacheType(arguments),
        };
        engine = adjust?.Invoke(engine) ?? engine;
        engine = engine with { MaximumRows = Math.Min(engine.MaximumRows, Math.Max(engine.ContextLength ?? trained ?? engine.MaximumRows, 1)) };
        var device = ComputeDevice.Create(threads);
        try
        {
            using var bar = new ProgressBar(console);
            var start = System.Diagnostics.Stopwatch.GetTimestamp();
            var model = await LanguageModel.LoadAsync(
                path, new ModelLoadOptions { Engine = engine, Device = device }, new DirectProgress<ModelLoadProgress>(progress => bar.Report(progress.Fraction, $"loading {Path.GetFileName(path)}")), cancellationToken)
                .ConfigureAwait(false);
            return new LoadedModel(model, device, threads ?? Environment.ProcessorCount, System.Diagnostics.Stopwatch.GetElapsedTime(start));
        }
        catch
        {
            device.Dispose();
            throw;
        }
    }

    /// <summary>Loads a small model that guesses tokens for this one, on the same device; it is unloaded with it.</summary>
    /// <exception cref="AbiException">It cannot be loaded.</exception>
    public async Task<LanguageModel> OpenDraftAsync(string model, CliConsole console, CancellationToken cancellationToken)
    {
        var path = ModelSource.Resolve(model);
        using var bar = new ProgressBar(console);
        bar.Report(0, $"loading {Path.GetFileName(path)}");
        var engine = new EngineOptions { ContextLength = Model.ContextLength, Activations = Model.Engine.Options.Activations, MaximumSequences = 1 };
        _draft = await LanguageModel.LoadAsync(path, new ModelLoadOptions { Engine = engine, Device = _device }, cancellationToken: cancellationToken).ConfigureAwait(false);
        return _draft;
    }

    /// <summary>Loads the adapters that the options name; they are unloaded with the model.</summary>
    /// <exception cref="AbiException">One cannot be loaded or does not fit the model.</exception>
    public async Task<ImmutableArray<AdapterUse>> OpenAdaptersAsync(ParsedArguments arguments, CancellationToken cancellationToken)
    {
        var uses = ImmutableArray.CreateBuilder<AdapterUse>();
        foreach (var value in arguments.GetAll(ModelOptions.Lora))
        {
            var (path, scale) = ReadAdapter(value);
            var adapter = await Model.LoadAdapterAsync(path, cancellationToken).ConfigureAwait(false);
            _adapters.Add(adapter);
            uses.Add(new AdapterUse(adapter, scale));
        }

        return uses.ToImmutable();
    }

    /// <summary>Reads the control vectors that the options name.</summary>
    /// <exception cref="AbiException">One cannot be read.</exception>
    public static ImmutableArray<ControlVectorUse> ReadControlVectors(ParsedArguments arguments) =>
        [.. arguments.GetAll(ModelOptions.ControlVector).Select(static value => ReadScaled(value, ModelOptions.ControlVector)).Select(static read => new ControlVectorUse(ControlVector.Load(read.Path), read.Scale))];

    /// <summary>The path and the scale of an adapter, from <c>FILE[=SCALE]</c>.</summary>
    /// <exception cref="UsageException">The scale is no number.</exception>
    public static (string Path, float Scale) ReadAdapter(string value) => ReadScaled(value, ModelOptions.Lora);

    private static (string Path, float Scale) ReadScaled(string value, Option<string> option)
    {
        // a file may have an equals sign in its name
        var sign = value.LastIndexOf('=');
        if (sign <= 0 || File.Exists(value) || Directory.Exists(value))
        {
            return (value, 1);
        }

        return float.TryParse(value.AsSpan(sign + 1), NumberStyles.Float, CultureInfo.InvariantCulture, out var scale) && float.IsFinite(scale)
            ? (value[..sign], scale)
            : throw new UsageException($"'{option.Name}' has the scale '{value[(sign + 1)..]}'; a number was expected.");
    }

    /// <summary>Unloads the models, then the device.</summary>
    public async ValueTask DisposeAsync()
    {
        _adapters.ForEach(static adapter => adapter.Dispose());
        if (_draft is not null)
        {
            await _draft.DisposeAsync().ConfigureAwait(false);
        }

        await Model.DisposeAsync().ConfigureAwait(false);
        _device.Dispose();
    }

    /// <summary>Refuses ids that the model does not have.</summary>
    public void CheckIds(ReadOnlySpan<int> ids, string option)
    {
        foreach (var id in ids)
        {
            if (id >= Model.Tokenizer.VocabularySize)
            {
                throw new UsageException($"'{option}' has the id {id}; the model's tokens are 0 to {Model.Tokenizer.VocabularySize - 1}.");
            }
        }
    }

    private static (bool IsFloat, int? ContextLength) Inspect(string path, CancellationToken cancellationToken)
    {
        using var file = GgufFile.Open(path, cancellationToken);
        var isFloat = file.Tensors.All(tensor => tensor.Type == TensorType.F32);
        var architecture = file.Metadata.GetString("general.architecture", "");
        var trained = file.Metadata.TryGet($"{architecture}.context_length", out var value) && value.Type is GgufValueType.UInt32 or GgufValueType.Int32 or GgufValueType.UInt64 ? file.Metadata.GetInt32($"{architecture}.context_length") : (int?)null;
        return (isFloat, trained);
    }
}
