using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Abi.Llm.Grammars;
using Abi.Llm.Grammars.Schema;

namespace Abi.Llm;

/// <summary>Generations that give objects.</summary>
public static class LanguageModelExtensions
{
    /// <summary>The grammar of the JSON that can be read as an object of a type: its properties, types and bounds.</summary>
    /// <typeparam name="T">The type.</typeparam>
    /// <param name="typeInfo">The type's source-generated metadata.</param>
    /// <param name="options">How the JSON is written.</param>
    /// <exception cref="GrammarException">The type's schema holds something that cannot be honoured.</exception>
    /// <remarks>Make one and keep it when the same type is generated often.</remarks>
    public static Grammar CreateGrammar<T>(this JsonTypeInfo<T> typeInfo, JsonSchemaOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(typeInfo);
        return Grammar.FromJsonSchema(TypeSchema.Of(typeInfo).ToJsonString(), options);
    }

    /// <summary>Generates an object: the text is constrained to the type's JSON and read.</summary>
    /// <typeparam name="T">The type.</typeparam>
    /// <param name="model">The model.</param>
    /// <param name="prompt">The text to continue; say in it what is wanted, and that it is JSON.</param>
    /// <param name="typeInfo">The type's source-generated metadata (<c>Context.Default.T</c>).</param>
    /// <param name="options">What to do; a grammar in it must describe JSON of the type, and saves making it each time.</param>
    /// <param name="cancellationToken">Ends it within a token.</param>
    /// <exception cref="GrammarException">The limits leave no room for a whole object, or the type cannot be described.</exception>
    /// <exception cref="AbiException">The text ended before the object did (a stop string or stop token cut it), or cannot be read as the type.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled; there is no object.</exception>
    public static async Task<T?> GenerateAsync<T>(
        this LanguageModel model, string prompt, JsonTypeInfo<T> typeInfo, GenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        options ??= new GenerationOptions();
        options = options with { Grammar = options.Grammar ?? typeInfo.CreateGrammar() };
        var result = await model.CompleteAsync(prompt, options, cancellationToken).ConfigureAwait(false);
        if (result.Outcome.IsGrammarComplete != true)
        {
            throw new AbiException($"The generation ended ({result.Outcome.FinishReason}) before the JSON of {typeof(T).Name} did, after {result.Text.Length} characters. Remove the stop strings and stop tokens that cut it.");
        }

        try
        {
            return JsonSerializer.Deserialize(result.Text, typeInfo);
        }
        catch (Exception exception) when (exception is JsonException or NotSupportedException)
        {
            throw new AbiException($"The generated JSON cannot be read as {typeof(T).Name}: {exception.Message}", exception);
        }
    }
}
