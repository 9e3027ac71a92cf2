namespace Abi.Llm.Hosting;

/// <summary>
/// The options of the feature ModelHost: which models under which names, and how much memory they may take together. Set by <c>AddModelHost</c>, by the section <c>Abi:ModelHost</c> and
/// by variables <c>ABI_MODELHOST_*</c>.
/// </summary>
/// <remarks>Not thread-safe: set once, before the feature starts.</remarks>
public sealed class ModelHostOptions
{
    /// <summary>The models by name. Case does not matter in names.</summary>
    public IDictionary<string, HostedModelOptions> Models { get; } = new Dictionary<string, HostedModelOptions>(StringComparer.OrdinalIgnoreCase);

    /// <summary>Further names: each leads to a model or to another alias.</summary>
    public IDictionary<string, string> Aliases { get; } = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);

    /// <summary>Rules for requests whose name is neither a model nor an alias, and for those that give none; the first that applies counts.</summary>
    public IList<ModelRoute> Routes { get; } = [];

    /// <summary>The model of requests that give no name and that no rule takes. Unset, the only model, if there is only one.</summary>
    public string? Default { get; set; }

    /// <summary>
    /// The bytes that loaded models may take together: weights, state and scratch. When a further one is wanted, those used least recently are unloaded, unless a request holds them or they are pinned.
    /// Unset, any number.
    /// </summary>
    public long? MemoryBudget { get; set; }

    /// <summary>The most models in memory at once. Unset, any number.</summary>
    public int? MaximumLoaded { get; set; }

    /// <summary>How long a model stays in memory that nobody uses. Unset, until its room is needed.</summary>
    public TimeSpan? KeepAlive { get; set; }

    /// <summary>
    /// How long a request may wait for others to let go of memory; then it is a <see cref="ModelMemoryException"/>. Zero, not at all. Unset, as long as its caller does.
    /// </summary>
    public TimeSpan? MemoryTimeout { get; set; }

    /// <summary>Adds a model, or goes on with the options of one that is there.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="model">The path of a GGUF file, or the name of a model, as <see cref="LlmOptions.Model"/> takes it.</param>
    /// <param name="configure">Sets further options.</param>
    /// <returns>These options.</returns>
    public ModelHostOptions AddModel(string name, string model, Action<HostedModelOptions>? configure = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentException.ThrowIfNullOrWhiteSpace(model);
        if (!Models.TryGetValue(name, out var options))
        {
            Models.Add(name, options = new HostedModelOptions());
        }

        options.Llm.Model = model;
        configure?.Invoke(options);
        return this;
    }

    /// <summary>Adds a further name of a model.</summary>
    /// <param name="alias">The name.</param>
    /// <param name="target">The model, or another alias.</param>
    /// <returns>These options.</returns>
    public ModelHostOptions AddAlias(string alias, string target)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(alias);
        ArgumentException.ThrowIfNullOrWhiteSpace(target);
        Aliases[alias] = target;
        return this;
    }

    /// <summary>Leads names of a pattern to a model.</summary>
    /// <param name="pattern">The names: <c>*</c> stands for any characters, <c>?</c> for one.</param>
    /// <param name="target">The name or alias of the model.</param>
    /// <returns>These options.</returns>
    public ModelHostOptions AddRoute(string pattern, string target)
    {
        Routes.Add(new ModelRoute(pattern, target));
        return this;
    }

    /// <summary>Has code choose a model.</summary>
    /// <param name="rule">Gives the name or alias of a model, or null to leave the request to the next rule.</param>
    /// <returns>These options.</returns>
    public ModelHostOptions AddRoute(Func<ModelRouteContext, string?> rule)
    {
        Routes.Add(new ModelRoute(rule));
        return this;
    }
}
