using Abi.Cli.CommandLine;
using Abi.Llm.Downloads;
using Abi.Models.Stories;

namespace Abi.Cli.Models;

/// <summary>Finds the file that a MODEL argument means.</summary>
internal static class ModelSource
{
    /// <summary>The name of the model that comes with the tool.</summary>
    public const string Stories = "stories";

    /// <summary>The path of a model: a file, the embedded model, or a pulled one.</summary>
    public static string Resolve(string model)
    {
        if (File.Exists(model))
        {
            return model;
        }

        if (model.Length == 0)
        {
            throw new UsageException("MODEL is empty.");
        }

        if (Directory.Exists(model))
        {
            throw new AbiException($"'{model}' is a folder; give a GGUF file in it.");
        }

        if (model == Stories)
        {
            return StoriesModel.Path;
        }

        if (!model.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase) && ModelReference.TryParse(model, out var reference))
        {
            return ModelCache.Find(reference) ?? throw new AbiException($"There is no file '{model}', and no model of that name was pulled. `abi pull {model}` downloads it.");
        }

        return model;
    }
}
