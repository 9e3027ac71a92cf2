using System.Text.Json;
using System.Text.RegularExpressions;

namespace Abi.Llm.Adapters;

/// <summary>What <c>adapter_config.json</c> of a PEFT adapter says, as far as it decides numbers; what cannot be honoured is refused by name.</summary>
internal sealed class PeftConfiguration
{
    private const int MaximumBytes = 1 << 20;
    private readonly string _path;
    private readonly JsonElement _root;

    private PeftConfiguration(string path, JsonElement root)
    {
        _path = path;
        _root = root;
    }

    public static PeftConfiguration Read(string path)
    {
        try
        {
            if (new FileInfo(path).Length > MaximumBytes)
            {
                throw new ModelFormatException($"An adapter's configuration of more than {MaximumBytes} bytes", path);
            }

            using var document = JsonDocument.Parse(File.ReadAllBytes(path), new JsonDocumentOptions { MaxDepth = 16 });
            var configuration = new PeftConfiguration(path, document.RootElement.Clone());
            configuration.Check();
            return configuration;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            throw new ModelFormatException($"The adapter's configuration cannot be read: {exception.Message}", path, innerException: exception);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new AbiException($"The adapter's configuration {path} cannot be opened: {exception.Message} A PEFT adapter is a folder with adapter_config.json and adapter_model.safetensors.", exception);
        }
    }

    /// <summary>The scale of a module's change: alpha / rank, or alpha / √rank for rank-stabilised adapters.</summary>
    public float Scale(string module, int rank)
    {
        var alpha = Pattern("alpha_pattern", module) ?? (_root.TryGetProperty("lora_alpha", out var value) ? value.GetSingle() : rank);
        return alpha / (Flag("use_rslora") ? MathF.Sqrt(rank) : rank);
    }

    private void Check()
    {
        Refuse(_root.TryGetProperty("peft_type", out var type) && !string.Equals(type.GetString(), "LORA", StringComparison.OrdinalIgnoreCase), $"'peft_type' is '{(type.ValueKind == JsonValueKind.String ? type.GetString() : string.Empty)}'; only LORA");
        Refuse(Flag("fan_in_fan_out"), "'fan_in_fan_out' is set; transposed matrices (Conv1D)");
        Refuse(Flag("use_dora"), "'use_dora' is set; DoRA");
        Refuse(_root.TryGetProperty("bias", out var bias) && bias.ValueKind == JsonValueKind.String && bias.GetString() != "none", "'bias' is not 'none'; trained biases");
        Refuse(_root.TryGetProperty("modules_to_save", out var modules) && modules.ValueKind == JsonValueKind.Array && modules.GetArrayLength() > 0, "'modules_to_save' names whole modules; they");

        void Refuse(bool isSo, string what)
        {
            if (isSo)
            {
                throw new UnsupportedModelException($"{what} is not supported (in {_path}).");
            }
        }
    }

    private bool Flag(string key) => _root.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.True;

    private float? Pattern(string key, string module)
    {
        if (_root.TryGetProperty(key, out var patterns) && patterns.ValueKind == JsonValueKind.Object)
        {
            foreach (var pattern in patterns.EnumerateObject())
            {
                // a key is a module's ending, or a regular expression for it
                if (module.EndsWith(pattern.Name, StringComparison.Ordinal) || IsMatch(module, pattern.Name))
                {
                    return pattern.Value.GetSingle();
                }
            }
        }

        return null;
    }

    private bool IsMatch(string module, string pattern)
    {
        try
        {
            return Regex.IsMatch(module, $@"(.*\.)?({pattern})$", RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(1));
        }
        catch (Exception exception) when (exception is ArgumentException or NotSupportedException or RegexMatchTimeoutException)
        {
            throw new ModelFormatException($"The pattern '{pattern}' of the adapter's configuration cannot be read", _path, innerException: exception);
        }
    }
}
