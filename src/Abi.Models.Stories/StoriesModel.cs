namespace Abi.Models.Stories;

/// <summary>The embedded story model: 5.8 million parameters, Q8_0, a context of 512 tokens; it continues stories in simple English.</summary>
public static class StoriesModel
{
    /// <summary>The model's file, which the build copies beside the program.</summary>
    public static string Path { get; } = System.IO.Path.Combine(AppContext.BaseDirectory, "abi-models", "stories.gguf");
}
