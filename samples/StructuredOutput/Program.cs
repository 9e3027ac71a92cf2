// Output that a program can read: an object of a C# type, JSON of a schema, an expression, a choice. The model chooses the words, the grammar the form.
using System.Text.Json.Serialization;
using Abi.Llm;
using Abi.Llm.Grammars;
using Abi.Llm.Sampling;
using Abi.Models.Stories;

await using var model = await LanguageModel.LoadAsync(args.FirstOrDefault() ?? StoriesModel.Path);
var options = new GenerationOptions { Sampling = new SamplingOptions { Temperature = 0.5f, Seed = 4 }, MaximumTokens = 60 };

// A type: its source-generated metadata makes the schema, and the text is read with it. Never half an object, whatever the limit of tokens.
Console.WriteLine($"object      {await model.GenerateAsync("Lily had a little pet. Its name was ", Json.Default.Pet, options)}");

// A schema, with bounds that a type cannot say.
var schema = Grammar.FromJsonSchema("""
    {
      "type": "object", "required": ["mood", "age", "friends"],
      "properties": {
        "mood": { "enum": ["happy", "sad", "scared"] },
        "age": { "type": "integer", "minimum": 3, "maximum": 9 },
        "friends": { "type": "array", "items": { "type": "string", "pattern": "^[A-Z][a-z]{2,6}$" }, "minItems": 2, "maxItems": 2 }
      }
    }
    """);
Console.WriteLine($"schema      {await model.CompleteAsync("The boy was very happy with his friends. ", options with { Grammar = schema })}");
Console.WriteLine($"expression  {await model.CompleteAsync("It was ", options with { Grammar = Grammar.FromRegex("[1-9] o'clock in the (morning|evening)") })}");

// A choice, and how sure the model is of it.
foreach (var beginning in new[] { "Tom fell and hurt his knee. Tom was very", "Tom got a new red ball. Tom was very" })
{
    var choice = await model.CompleteAsync(beginning, options with { Grammar = Grammar.FromChoices(" happy", " sad"), Sampling = SamplingOptions.Greedy, LogProbabilities = 0 });
    Console.WriteLine($"choice      {beginning}{choice} ({Math.Exp(choice.Tokens.Sum(token => token.LogProbability)):P0})");
}

// What is too short for any text of the grammar is refused before anything is computed.
try
{
    await model.CompleteAsync("Once", options with { Grammar = schema, MaximumTokens = 5 });
}
catch (GrammarException exception)
{
    Console.WriteLine($"refused     {exception.Message}");
}

internal enum PetKind { Cat, Dog, Bird }
internal sealed record Pet(PetKind Kind, bool IsBig, int Legs);

[JsonSourceGenerationOptions(UseStringEnumConverter = true)]
[JsonSerializable(typeof(Pet))]
internal sealed partial class Json : JsonSerializerContext;
