using Mono.Cecil;

namespace Abi.Stubs;

/// <summary>What the real assembly was compiled against: where each assembly is, whether the stub may reference it, and the package or project that it belongs to.</summary>
public sealed class ReferenceList : IAssemblyResolver
{
    private readonly Dictionary<string, (string Path, bool Allowed, string Id)> _byName;
    private readonly Dictionary<string, AssemblyDefinition> _open = new(StringComparer.OrdinalIgnoreCase);

    private ReferenceList(Dictionary<string, (string Path, bool Allowed, string Id)> byName) => _byName = byName;

    /// <summary>Reads lines of the form <c>path|true or false|id</c>; the id is empty for assemblies of the framework.</summary>
    public static ReferenceList Read(string path)
    {
        var byName = new Dictionary<string, (string Path, bool Allowed, string Id)>(StringComparer.OrdinalIgnoreCase);
        foreach (var line in File.ReadLines(path).Where(line => line.Length > 0))
        {
            var parts = line.Split('|');
            byName[Path.GetFileNameWithoutExtension(parts[0])] = (parts[0], bool.Parse(parts[1]), parts[2]);
        }

        return new ReferenceList(byName);
    }

    /// <summary>Whether the stub may reference the assembly. Unknown ones are facades of the framework.</summary>
    public bool IsAllowed(string assembly) => !_byName.TryGetValue(assembly, out var entry) || entry.Allowed;

    /// <summary>The package or project of an assembly; empty for the framework.</summary>
    public string IdOf(string assembly) => _byName.TryGetValue(assembly, out var entry) ? entry.Id : "";

    /// <inheritdoc/>
    public AssemblyDefinition Resolve(AssemblyNameReference name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (!_open.TryGetValue(name.Name, out var assembly))
        {
            if (!_byName.TryGetValue(name.Name, out var entry))
            {
                throw new AssemblyResolutionException(name);
            }

            assembly = AssemblyDefinition.ReadAssembly(entry.Path, new ReaderParameters { AssemblyResolver = this, InMemory = true });
            _open.Add(name.Name, assembly);
        }

        return assembly;
    }

    /// <inheritdoc/>
    public AssemblyDefinition Resolve(AssemblyNameReference name, ReaderParameters parameters) => Resolve(name);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var assembly in _open.Values)
        {
            assembly.Dispose();
        }

        _open.Clear();
    }
}
