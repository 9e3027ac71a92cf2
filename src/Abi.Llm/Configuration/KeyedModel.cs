namespace Abi.Llm.Configuration;

/// <summary>A model that was added under a key.</summary>
internal sealed class KeyedModel(object key, Action<LlmOptions> configure)
{
    private readonly Lazy<LlmOptions> _options = new(() =>
    {
        var options = new LlmOptions();
        configure(options);
        return options;
    });

    public object Key => key;

    /// <summary>Its options; made once.</summary>
    public LlmOptions Options => _options.Value;
}
