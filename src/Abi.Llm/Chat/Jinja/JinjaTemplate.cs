using System.Text;
using System.Text.Json;

namespace Abi.Llm.Chat.Jinja;

/// <summary>
/// A parsed chat template: Jinja 3 as Hugging Face's <c>apply_chat_template</c> sets it up (immutable sandbox, <c>trim_blocks</c>, <c>lstrip_blocks</c>, loop controls,
/// <c>tojson</c> without HTML escapes, <c>raise_exception</c>, <c>strftime_now</c>), bounded in time, output and depth.
/// </summary>
/// <remarks>Immutable and thread-safe.</remarks>
public sealed class JinjaTemplate
{
    private readonly JinjaProgram _program;
    private readonly JinjaLimits _limits;

    private JinjaTemplate(JinjaProgram program, JinjaLimits limits)
    {
        _program = program;
        _limits = limits;
    }

    /// <summary>Parses a template.</summary>
    /// <exception cref="JinjaException">The template is not valid Jinja, or uses a filter or test that does not exist.</exception>
    public static JinjaTemplate Parse(string source, JinjaLimits? limits = null)
    {
        ArgumentNullException.ThrowIfNull(source);
        limits ??= JinjaLimits.Default;
        return source.Length <= limits.Characters
            ? new JinjaTemplate(JinjaParser.Parse(source, limits), limits)
            : throw new JinjaException(JinjaErrorKind.Limit, $"The chat template has {source.Length} characters; at most {limits.Characters} are allowed.");
    }

    /// <summary>Renders the template.</summary>
    /// <param name="variables">An object whose properties are the variables; numbers without a fraction or an exponent become integers.</param>
    /// <param name="now">What <c>strftime_now</c> shows.</param>
    /// <param name="cancellationToken">Looked at every few thousand operations.</param>
    /// <exception cref="JinjaException">The template raised an exception, failed, or went over its limits.</exception>
    public string Render(JsonElement variables, DateTimeOffset now, CancellationToken cancellationToken = default)
    {
        var scope = new JinjaScope(null);
        foreach (var property in variables.EnumerateObject())
        {
            scope.Set(property.Name, FromJson(property.Value));
        }

        var runtime = new JinjaRuntime(_limits, now, cancellationToken);
        return runtime.Run(() => Render(scope, runtime));
    }

    private string Render(JinjaScope variables, JinjaRuntime runtime)
    {
        var scope = new JinjaScope(variables, _program.Names);
        if (_program.Names.Uses("self") || _program.Blocks.Count > 0)
        {
            scope.Set("self", new JinjaSelf(_program.Blocks.ToDictionary(block => block.Name, block => new JinjaCallable(block.Name, "", _ => block.Call(scope, runtime)), StringComparer.Ordinal)));
        }

        var output = new StringBuilder();
        _program.Body.Render(scope, runtime, output);
        return output.ToString();
    }

    private static object? FromJson(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.String: return element.GetString();
            case JsonValueKind.True: return true;
            case JsonValueKind.False: return false;
            case JsonValueKind.Number:
                var text = element.GetRawText();
                return text.AsSpan().ContainsAny('.', 'e', 'E') || text.Length > 400 ? element.GetDouble() : JinjaNumbers.ParseInteger(text, 10);
            case JsonValueKind.Array: return new JinjaList(element.EnumerateArray().Select(FromJson));
            case JsonValueKind.Object:
                var dictionary = new JinjaDictionary();
                foreach (var property in element.EnumerateObject())
                {
                    dictionary[property.Name] = FromJson(property.Value);
                }

                return dictionary;
            default: return null;
        }
    }
}
