using Abi.Llm.Gguf;

namespace Abi.Llm.Chat;

/// <summary>What a model is called.</summary>
internal static class ModelNames
{
    /// <summary>The name in its metadata, or else that of its file.</summary>
    public static string Of(GgufMetadata metadata, string path)
    {
        var isNamed = metadata.TryGet("general.name", out var value) && value.Type == GgufValueType.String;
        return isNamed && value!.AsString() is { Length: > 0 } name ? name : Path.GetFileNameWithoutExtension(path);
    }

    public static string Of(LanguageModel model) => Of(model.Metadata, model.Path);
}
