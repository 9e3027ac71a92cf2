using System.Text.Json;
using System.Text.RegularExpressions;

namespace Abi.Llm.Adapters;

/// <summary>What <c>adapter_config.json</c> of a PEFT adapter says, as far as it decides numbers; what cannot be honoured is refused by name.</summary>
internal sealed class PeftConfiguration
{
    private const int MaximumBytes = 1 << 20;
    private readonly string _path;
    private readonly JsonElement _root;
    private readonly float? _alpha;
    private readonly bool _isStabilised;
    private readonly List<(Regex Module, float Alpha)> _patterns = [];

    private PeftConfiguration(string path, JsonElement root)
    {
        _path = path;
        _root = root;
        Check();
        _alpha = _root.TryGetProperty("lora_alpha", out var alpha) ? Number("lora_alpha", alpha) : null;
        _isStabilised = Flag("use_rslora");
        if (_root.TryGetProperty("alpha_pattern", out var patterns) && patterns.ValueKind == JsonValueKind.Object)
        {
            _patterns.AddRange(patterns.EnumerateObject().Select(pattern => (ModulePattern(pattern.Name), Number("alpha_pattern", pattern.Value))));
        }
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
            return new PeftConfiguration(path, document.RootElement.Clone());
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
        var own = _patterns.FindIndex(pattern => pattern.Module.IsMatch(module));
        var alpha = own >= 0 ? _patterns[own].Alpha : _alpha ?? rank;
        return alpha / (_isStabilised ? MathF.Sqrt(rank) : rank);
    }

    private void Check()
    {
        Refuse(_root.TryGetProperty("peft_type", out var type) && !string.Equals(type.GetString(), "LORA", StringComparison.OrdinalIgnoreCase), $"'peft_type' is '{(type.ValueKind == JsonValueKind.String ? type.GetString() : string.Empty)}'; only LORA");
        Refuse(Flag("fan_in_fan_out"), "'fan_in_fan_out' is set; transposed matrices (Conv1D)");
        Refuse(Flag("use_dora"), "'use_dora' is set; DoRA");
        Refuse(_root.TryGetProperty("alora_invocation_tokens", out var invocation) && invocation.ValueKind != JsonValueKind.Null, "'alora_invocation_tokens' is set; activated LoRA");
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

    private float Number(string key, JsonElement value) => value.ValueKind == JsonValueKind.Number && value.TryGetSingle(out var number) && float.IsFinite(number)
        ? number
        : throw new ModelFormatException($"'{key}' of the adapter's configuration has the value {value.GetRawText()}; it must be a number", _path);

    /// <summary>What a key of a pattern means: the whole name of a module or its ending behind a point, which may be a regular expression.</summary>
    private Regex ModulePattern(string key)
    {
        try
        {
            return new Regex($@"^(.*\.)?({key})$", RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(1));
        }
        catch (Exception exception) when (exception is ArgumentException or NotSupportedException)
        {
            throw new ModelFormatException($"The pattern '{key}' of the adapter's configuration cannot be read", _path, innerException: exception);
        }
    }
}
