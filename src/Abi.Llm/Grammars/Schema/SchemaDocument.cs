using System.Text.Json;

namespace Abi.Llm.Grammars.Schema;

/// <summary>The schemas of a document by their places, and its references.</summary>
internal sealed class SchemaDocument
{
    private readonly Dictionary<string, SchemaNode> _nodes = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (JsonElement Element, string Path)> _anchors = new(StringComparer.Ordinal); // "resource path#anchor"
    private readonly Dictionary<string, (JsonElement Element, string Path)> _resources = new(StringComparer.Ordinal);

    public SchemaDocument(JsonElement root)
    {
        Index(root, "#", "#", 0);
        Root = Make(root, "#", root, "#");
    }

    public SchemaNode Root { get; }

    /// <summary>A schema within another one.</summary>
    public SchemaNode Child(SchemaNode parent, JsonElement element, params ReadOnlySpan<string> steps)
    {
        var path = parent.Path;
        foreach (var step in steps)
        {
            path += "/" + step.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal);
        }

        return Make(element, path, parent.Resource, parent.ResourcePath);
    }

    /// <summary>A schema that is not in the document: <c>{"not": …}</c> of one that is.</summary>
    public SchemaNode Negation(SchemaNode node)
    {
        if (node.IsTrue)
        {
            return SchemaBranches.False;
        }

        using var document = JsonDocument.Parse($"{{\"not\":{node.Element.GetRawText()}}}", new JsonDocumentOptions { MaxDepth = 2 * GrammarLimits.Nesting });
        return Make(document.RootElement.Clone(), $"{node.Path}!not", node.Resource, node.ResourcePath);
    }

    /// <summary>What a reference means.</summary>
    public SchemaNode Resolve(SchemaNode node, string reference)
    {
        var hash = reference.IndexOf('#', StringComparison.Ordinal);
        var address = hash < 0 ? reference : reference[..hash];
        var fragment = hash < 0 ? "" : Uri.UnescapeDataString(reference[(hash + 1)..]);
        var (element, path) = (node.Resource, node.ResourcePath);
        if (address.Length > 0 && !_resources.TryGetValue(address, out var resource))
        {
            throw new GrammarException($"'$ref' at {node.Path} leads to '{reference}', which is not in the schema. Only references within it can be honoured; put what it means under '$defs'.");
        }
        else if (address.Length > 0)
        {
            (element, path) = _resources[address];
        }

        var (resourceElement, resourcePath) = (element, path);
        if (fragment.Length > 0 && fragment[0] != '/')
        {
            (element, path) = _anchors.TryGetValue($"{path}#{fragment}", out var anchor)
                ? anchor
                : throw new GrammarException($"'$ref' at {node.Path} leads to the anchor '{fragment}', which the schema does not have.");
        }
        else if (fragment.Length > 0)
        {
            foreach (var part in fragment[1..].Split('/'))
            {
                var step = part.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal);
                path += "/" + part;
                if (element.ValueKind == JsonValueKind.Object && element.TryGetProperty(step, out var member))
                {
                    element = member;
                }
                else if (element.ValueKind == JsonValueKind.Array && int.TryParse(step, out var index) && (uint)index < (uint)element.GetArrayLength())
                {
                    element = element[index];
                }
                else
                {
                    throw new GrammarException($"'$ref' at {node.Path} leads to '{reference}', but there is no '{step}' on the way.");
                }
            }
        }

        return Make(element, path, resourceElement, resourcePath);
    }

    private SchemaNode Make(JsonElement element, string path, JsonElement resource, string resourcePath)
    {
        if (!_nodes.TryGetValue(path, out var node))
        {
            if (element.ValueKind is not (JsonValueKind.Object or JsonValueKind.True or JsonValueKind.False))
            {
                throw new GrammarException($"The schema at {path} is a JSON {element.ValueKind.ToString().ToLowerInvariant()}; a schema is an object, true or false.");
            }

            if (element.ValueKind == JsonValueKind.Object && element.TryGetProperty("$id", out _))
            {
                (resource, resourcePath) = (element, path);
            }

            node = new SchemaNode(_nodes.Count, element, path, resource, resourcePath);
            _nodes.Add(path, node);
        }

        return node;
    }

    private void Index(JsonElement element, string path, string resource, int depth)
    {
        if (depth > GrammarLimits.Nesting)
        {
            throw new GrammarException($"The schema is nested more than {GrammarLimits.Nesting} deep.");
        }

        if (element.ValueKind == JsonValueKind.Array)
        {
            var i = 0;
            foreach (var item in element.EnumerateArray())
            {
                Index(item, $"{path}/{i++}", resource, depth + 1);
            }
        }

        if (element.ValueKind != JsonValueKind.Object)
        {
            return;
        }

        if (element.TryGetProperty("$id", out var id) && id.ValueKind == JsonValueKind.String)
        {
            resource = path;
            var name = id.GetString()!.TrimEnd('#');
            _resources.TryAdd(name, (element, path));
            if (name.LastIndexOf('/') is var slash and >= 0)
            {
                _resources.TryAdd(name[(slash + 1)..], (element, path)); // as it is called from beside it
            }
        }

        foreach (var keyword in (ReadOnlySpan<string>)["$anchor", "$dynamicAnchor"])
        {
            if (element.TryGetProperty(keyword, out var anchor) && anchor.ValueKind == JsonValueKind.String)
            {
                _anchors.TryAdd($"{resource}#{anchor.GetString()}", (element, path));
            }
        }

        foreach (var member in element.EnumerateObject())
        {
            if (member.Name is not ("enum" or "const" or "default" or "examples"))
            {
                Index(member.Value, $"{path}/{member.Name.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal)}", resource, depth + 1);
            }
        }
    }
}
