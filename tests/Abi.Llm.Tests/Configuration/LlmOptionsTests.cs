using System.Globalization;
using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Llm.Configuration;
using Abi.Llm.Engine;
using Abi.Llm.Sampling;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Abi.Llm.Tests.Configuration;

[NonParallelizable] // some cases set variables of the process
public sealed class LlmOptionsTests
{
    private static readonly string[] CodeOnly = [nameof(LlmOptions.Device), nameof(LlmOptions.Progress), nameof(LlmOptions.Sampling), nameof(LlmOptions.Chat), nameof(LlmOptions.Embeddings)];

    [Test]
    public void EveryOptionHasAKey()
    {
        Assert.That(LlmOptionKeys.Keys.Keys.Concat(CodeOnly), Is.EquivalentTo(typeof(LlmOptions).GetProperties().Select(property => property.Name)));
        var sampling = typeof(SamplingOptions).GetProperties().Where(property => property.SetMethod is { IsStatic: false, IsPublic: true }).Select(property => property.Name);
        Assert.That(SamplingOptionKeys.Keys.Keys.Append(nameof(SamplingOptions.Processors)), Is.EquivalentTo(sampling));
    }

    [Test]
    public void EveryOptionOfTheEngineIsOneOfTheFeature() =>
        Assert.That(typeof(EngineOptions).GetProperties().Select(property => property.Name), Is.SubsetOf(typeof(LlmOptions).GetProperties().Select(property => property.Name)));

    [Test]
    public void EveryKeySetsItsOption()
    {
        var values = new Dictionary<string, string?>(StringComparer.Ordinal);
        foreach (var property in typeof(LlmOptions).GetProperties().Where(property => !CodeOnly.Contains(property.Name)))
        {
            values[$"Abi:Llm:{property.Name}"] = Sample(property.PropertyType);
        }

        foreach (var name in SamplingOptionKeys.Keys.Keys)
        {
            var type = typeof(SamplingOptions).GetProperty(name)!.PropertyType;
            (string Key, string Value) = name switch
            {
                nameof(SamplingOptions.Order) => ($"{name}:0", nameof(SamplerKind.MinP)),
                nameof(SamplingOptions.DrySequenceBreakers) => ($"{name}:0", "x"),
                nameof(SamplingOptions.LogitBias) => ($"{name}:7", "-Infinity"),
                _ => (name, Sample(type)),
            };
            values[$"Abi:Llm:Sampling:{Key}"] = Value;
        }

        var options = new LlmOptions();
        LlmOptionKeys.Bind(new ConfigurationBuilder().AddInMemoryCollection(values).Build().GetSection("Abi:Llm"), options);
        foreach (var property in typeof(LlmOptions).GetProperties().Where(property => !CodeOnly.Contains(property.Name)))
        {
            Assert.That(Convert.ToString(property.GetValue(options), CultureInfo.InvariantCulture), Is.EqualTo(values[$"Abi:Llm:{property.Name}"]), property.Name);
        }

        foreach (var name in SamplingOptionKeys.Keys.Keys.Where(name => values.ContainsKey($"Abi:Llm:Sampling:{name}")))
        {
            Assert.That(Convert.ToString(typeof(SamplingOptions).GetProperty(name)!.GetValue(options.Sampling), CultureInfo.InvariantCulture), Is.EqualTo(values[$"Abi:Llm:Sampling:{name}"]), name);
        }

        Assert.That(options.Sampling.Order, Is.EqualTo(new[] { SamplerKind.MinP }));
        Assert.That(options.Sampling.DrySequenceBreakers, Is.EqualTo(new[] { "x" }));
        Assert.That(options.Sampling.LogitBias, Is.EqualTo(new Dictionary<int, float> { [7] = float.NegativeInfinity }));
    }

    [Test]
    public void LaterSourcesWin()
    {
        var configuration = Configuration(("Abi:Llm:Model", "file"), ("Abi:Llm:ContextLength", "1"), ("Abi:Llm:MaximumRows", "10"), ("Abi:Llm:Sampling:TopK", "11"), ("Abi:Llm:Sampling:TopP", "0.5"));
        var options = WithVariables(
            [("ABI_LLM_CONTEXT_LENGTH", "2"), ("ABI_LLM_CACHE_TYPE", "f32"), ("ABI_LLM_SAMPLING__TOP_K", "22"), ("ABI_LLM_SAMPLING__SEED", "9")],
            () => Read(configuration, llm =>
            {
                llm.ContextLength = 3;
                llm.Sampling = llm.Sampling with { Seed = 10 };
            }));
        Assert.Multiple(() =>
        {
            Assert.That(options.MaximumSequences, Is.EqualTo(32), "code default");
            Assert.That(options.MaximumRows, Is.EqualTo(10), "configuration over default");
            Assert.That(options.CacheType, Is.EqualTo(TensorType.F32), "a variable");
            Assert.That(options.ContextLength, Is.EqualTo(3), "code over variable");
            Assert.That((options.Sampling.TopP, options.Sampling.TopK, options.Sampling.Seed), Is.EqualTo((0.5f, 22, 10L)), "configuration, variable, code");
        });
    }

    [TestCase("ContextLength", "0", "ABI_LLM_CONTEXT_LENGTH")]
    [TestCase("ContextLength", "many", "ABI_LLM_CONTEXT_LENGTH")]
    [TestCase("CacheTokens", "-1", "ABI_LLM_CACHE_TOKENS")]
    [TestCase("Threads", "0", "ABI_LLM_THREADS")]
    [TestCase("QueueLimit", "-1", "ABI_LLM_QUEUE_LIMIT")]
    [TestCase("TimeLimit", "soon", "ABI_LLM_TIME_LIMIT")]
    [TestCase("TimeLimit", "00:00:00", "ABI_LLM_TIME_LIMIT")]
    [TestCase("CacheType", "Q4_K", "ABI_LLM_CACHE_TYPE")]
    [TestCase("CacheType", "12", "ABI_LLM_CACHE_TYPE")]
    [TestCase("Activations", "Half", "ABI_LLM_ACTIVATIONS")]
    [TestCase("Prefetch", "perhaps", "ABI_LLM_PREFETCH")]
    [TestCase("Model", " ", "ABI_LLM_MODEL")]
    [TestCase("ModelFolder", "no-such-folder", "ABI_LLM_MODEL_FOLDER")]
    [TestCase("Sampling:TopP", "NaN", "ABI_LLM_SAMPLING__TOP_P")]
    [TestCase("Sampling:TopK", "1.5", "ABI_LLM_SAMPLING__TOP_K")]
    [TestCase("Sampling:RepetitionPenalty", "0", "ABI_LLM_SAMPLING__REPETITION_PENALTY")]
    [TestCase("Sampling:Order", "MinP", "ABI_LLM_SAMPLING__ORDER")]
    [TestCase("Sampling:Temprature", "1", "ABI_LLM_SAMPLING__TEMPRATURE")]
    [TestCase("Modle", "x", "ABI_LLM_MODLE")]
    public void AWrongValueNamesItsKeyAndItsVariable(string key, string value, string variable)
    {
        var configured = Assert.Throws<AbiOptionsException>(() => Read(Configuration(("Abi:Llm:Model", "m"), ($"Abi:Llm:{key}", value))));
        Assert.That(configured!.Message, Does.Contain($"Abi:Llm:{key}").And.Not.Contain("ABI_"));
        var error = Assert.Throws<AbiOptionsException>(() => WithVariables([(variable, value)], () => Read(Configuration(("Abi:Llm:Model", "m")))));
        Assert.That(error!.Message, Does.Contain($"Abi:Llm:{key}").IgnoreCase.And.Contain(variable));
        Assert.That(error.Keys, Is.EqualTo(new[] { $"Abi:Llm:{key}" }).IgnoreCase);
    }

    [Test]
    public void WithoutAModelTheMessageSaysHowToGiveOne()
    {
        var error = Assert.Throws<AbiOptionsException>(() => Read(Configuration()));
        Assert.That(error!.Message, Does.StartWith("Abi:Llm:Model is not set, but the path of a GGUF file"));
        Assert.That(error.Feature, Is.EqualTo("Llm"));
    }

    [Test]
    public void OptionsAndEngineAgreeOnCacheTypes()
    {
        foreach (var type in Enum.GetValues<TensorType>())
        {
            Assert.That(IsAccepted(() => Read(Configuration(), llm => (llm.Model, llm.CacheType) = ("m", type))), Is.EqualTo(IsAccepted(() => new EngineOptions { CacheType = type }.Validate())), $"{type}");
        }

        static bool IsAccepted(Action act)
        {
            try
            {
                act();
                return true;
            }
            catch (Exception error) when (error is ArgumentException or AbiOptionsException)
            {
                return false;
            }
        }
    }

    private static string Sample(Type type)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        return type == typeof(string) ? "some text"
            : type == typeof(bool) ? "True"
            : type == typeof(float) ? "0.25"
            : type == typeof(TimeSpan) ? "00:00:11"
            : type == typeof(TensorType) ? nameof(TensorType.F32)
            : type == typeof(ActivationPrecision) ? nameof(ActivationPrecision.Exact)
            : type == typeof(RepackMode) ? nameof(RepackMode.Never)
            : type == typeof(ContextFullPolicy) ? nameof(ContextFullPolicy.Shift)
            : type == typeof(MirostatMode) ? nameof(MirostatMode.Version2)
            : "4321";
    }

    private static LlmOptions Read(IConfiguration configuration, Action<LlmOptions>? configure = null)
    {
        using var services = new ServiceCollection().AddSingleton(configuration).AddAbi(abi => abi.AddLlm(configure)).BuildServiceProvider();
        return services.GetRequiredService<IOptions<LlmOptions>>().Value;
    }

    private static T WithVariables<T>((string Name, string Value)[] variables, Func<T> read)
    {
        foreach (var (name, value) in variables)
        {
            Environment.SetEnvironmentVariable(name, value);
        }

        try
        {
            return read();
        }
        finally
        {
            foreach (var (name, _) in variables)
            {
                Environment.SetEnvironmentVariable(name, null);
            }
        }
    }

    private static IConfiguration Configuration(params (string Key, string Value)[] values) =>
        new ConfigurationBuilder().AddInMemoryCollection(values.Reverse().DistinctBy(pair => pair.Key).ToDictionary(pair => pair.Key, pair => (string?)pair.Value)).Build();
}
