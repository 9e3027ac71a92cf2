using Abi.Llm.Downloads;

namespace Abi.Llm.Configuration;

/// <summary>Finds the file that the option <c>Model</c> means.</summary>
internal static class ModelLocator
{
    /// <summary>The folder beside the program where packages put their models.</summary>
    internal const string PackagedFolder = "abi-models";

    /// <summary>The path of the model's file.</summary>
    /// <exception cref="AbiException">There is none; the message lists where it was looked for.</exception>
    internal static string Find(string model, string? folder)
    {
        var searched = new List<string>();
        foreach (var candidate in Candidates(model, folder))
        {
            var path = Path.GetFullPath(candidate);
            if (File.Exists(path))
            {
                return path;
            }

            if (!searched.Contains(path, StringComparer.Ordinal))
            {
                searched.Add(path);
            }
        }

        if (ModelReference.TryParse(model, out var reference) && ModelCache.Find(reference) is { } pulled)
        {
            return pulled;
        }

        throw new AbiException(
            $"There is no model '{model}' (option Abi:Llm:Model). Looked for: {string.Join(", ", searched)}. Give the path of a GGUF file, set Abi:Llm:ModelFolder to the folder that it is in, download it with ModelDownloader or `abi pull`, or reference a package that brings it (Abi.Models.Stories brings 'stories').");
    }

    private static IEnumerable<string> Candidates(string model, string? folder)
    {
        yield return model;
        if (Path.IsPathRooted(model))
        {
            yield break;
        }

        string[] folders = folder is null ? [AppContext.BaseDirectory] : [AppContext.BaseDirectory, folder];
        foreach (var home in folders)
        {
            yield return Path.Combine(home, model);
        }

        var file = model.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase) ? model : $"{model}.gguf";
        foreach (var home in folders.Append(Path.Combine(AppContext.BaseDirectory, PackagedFolder)))
        {
            yield return Path.Combine(home, file);
        }
    }
}
