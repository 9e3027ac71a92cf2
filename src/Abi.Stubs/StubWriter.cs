using Mono.Cecil;
using Mono.Collections.Generic;

namespace Abi.Stubs;

/// <summary>Makes the stub of a feature assembly by rewriting the real one: the same public surface, none of its code.</summary>
public sealed class StubWriter
{
    private const MethodImplAttributes DroppedFlags =
        MethodImplAttributes.NoInlining | MethodImplAttributes.AggressiveInlining | MethodImplAttributes.NoOptimization
        | (MethodImplAttributes)0x200 | MethodImplAttributes.Synchronized | MethodImplAttributes.InternalCall;

    private readonly ModuleDefinition _module;
    private readonly ReferenceList _references;
    private readonly string _feature;
    private readonly KeptTypes _kept;
    private readonly ThrowingBody _body;
    private readonly List<(string Code, string Message)> _errors = [];

    private StubWriter(ModuleDefinition module, string feature, string property, ReferenceList references)
    {
        _module = module;
        _references = references;
        _feature = feature;
        _kept = new KeptTypes(module, references);
        var core = module.AssemblyReferences.FirstOrDefault(reference => reference.Name == "Abi.Core");
        if (core is null)
        {
            core = references.Resolve(new AssemblyNameReference("Abi.Core", new Version())).Name;
            core = new AssemblyNameReference(core.Name, core.Version) { PublicKeyToken = core.PublicKeyToken };
            module.AssemblyReferences.Add(core);
        }

        _body = new ThrowingBody(module, core, feature, property);
    }

    /// <summary>Makes the stub.</summary>
    /// <param name="path">The real assembly.</param>
    /// <param name="feature">The feature's name, for the exception.</param>
    /// <param name="property">The MSBuild property, for the exception.</param>
    /// <param name="references">What the real assembly was compiled against.</param>
    /// <exception cref="StubException">The assembly cannot have a right stub.</exception>
    public static StubResult Write(string path, string feature, string property, ReferenceList references)
    {
        using var assembly = AssemblyDefinition.ReadAssembly(path, Reader(references));
        var writer = new StubWriter(assembly.MainModule, feature, property, references);
        writer.Rewrite();
        using var whole = new MemoryStream();
        assembly.Write(whole, Writer());
        return DropUnusedReferences(whole, references, [.. writer._kept.Types.Select(type => type.FullName).Order(StringComparer.Ordinal)]);
    }

    // Immediate: the lazy reader cannot cope with tables that were emptied.
    private static ReaderParameters Reader(ReferenceList references) => new() { ReadingMode = ReadingMode.Immediate, InMemory = true, AssemblyResolver = references };

    private static WriterParameters Writer() => new() { DeterministicMvid = true, Timestamp = 0 };

    // Cecil writes every reference that it ever read: only a second reading shows what is still used.
    private static StubResult DropUnusedReferences(MemoryStream whole, ReferenceList references, IReadOnlyList<string> keptTypes)
    {
        whole.Position = 0;
        using var assembly = AssemblyDefinition.ReadAssembly(whole, Reader(references));
        var module = assembly.MainModule;
        var used = module.GetTypeReferences().Select(type => type.Scope.Name).Concat(module.ExportedTypes.Select(type => type.Scope.Name)).ToHashSet(StringComparer.Ordinal);
        foreach (var reference in module.AssemblyReferences.Where(reference => !used.Contains(reference.Name)).ToList())
        {
            module.AssemblyReferences.Remove(reference);
        }

        var keeps = module.AssemblyReferences.Select(reference => references.IdOf(reference.Name)).Where(id => id.Length > 0).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal);
        using var image = new MemoryStream();
        assembly.Write(image, Writer());
        return new StubResult(image.ToArray(), [.. keeps], keptTypes);
    }

    private void Rewrite()
    {
        _errors.AddRange(_kept.Errors);
        StopOnErrors();
        foreach (var type in _module.Types.ToList())
        {
            RewriteType(type, _module.Types);
        }

        FilterAttributes(_module.Assembly);
        FilterAttributes(_module);
        _module.Resources.Clear();
        _module.ModuleReferences.Clear();
        _module.EntryPoint = null;
        MarkAsStub();
        CheckSurface();
        StopOnErrors();
    }

    private void StopOnErrors()
    {
        if (_errors.Count > 0)
        {
            throw new StubException(_errors);
        }
    }

    private bool Stays(TypeDefinition type) => type.Name == "<Module>" || Visibility.IsVisible(type) || Visibility.IsEmbedded(type) || _kept.Keeps(type);

    private void RewriteType(TypeDefinition type, Collection<TypeDefinition> owner)
    {
        if (!Stays(type))
        {
            owner.Remove(type);
            return;
        }

        foreach (var nested in type.NestedTypes.ToList())
        {
            RewriteType(nested, type.NestedTypes);
        }

        if (type.Name == "<Module>")
        {
            // A module initializer would run in a program where the feature is off.
            type.Methods.Clear();
            type.Fields.Clear();
        }
        else if (_kept.Keeps(type))
        {
            foreach (var method in type.Methods.Where(method => !_kept.KeepsMember(type, method)).ToList())
            {
                type.Methods.Remove(method);
            }

            foreach (var field in type.Fields.Where(field => !_kept.KeepsMember(type, field)).ToList())
            {
                type.Fields.Remove(field);
            }
        }
        else if (!Visibility.IsEmbedded(type))
        {
            RewriteMethods(type);
            RewriteFields(type);
            RewriteInterfaces(type);
            RewriteMembers(type);
        }

        FilterAttributesWithin(type);
    }

    private void RewriteMethods(TypeDefinition type)
    {
        foreach (var method in type.Methods.ToList())
        {
            var stays = Visibility.IsVisible(method) || IsVisibleImplementation(method) || ClosesHierarchy(method);
            if (!stays || method is { IsStatic: true, IsConstructor: true })
            {
                type.Methods.Remove(method);
                continue;
            }

            foreach (var implemented in method.Overrides.Where(overridden => IsGone(overridden.DeclaringType)).ToList())
            {
                method.Overrides.Remove(implemented);
            }

            if (method.IsPInvokeImpl)
            {
                method.PInvokeInfo = null;
                method.IsPInvokeImpl = false;
            }

            var runtime = type.BaseType?.FullName == "System.MulticastDelegate";
            if (!method.IsAbstract && !runtime)
            {
                method.ImplAttributes &= ~DroppedFlags;
                _body.Write(method);
            }
        }
    }

    // Private implementations of interfaces that others see.
    private bool IsVisibleImplementation(MethodDefinition method) =>
        method.HasOverrides && method.Overrides.Any(overridden => !IsGone(overridden.DeclaringType));

    // A type that outsiders cannot derive from must stay so.
    private bool ClosesHierarchy(MethodDefinition method) =>
        method.IsAbstract && !method.Parameters.Select(parameter => parameter.ParameterType).Append(method.ReturnType).Any(IsGone);

    private void RewriteFields(TypeDefinition type)
    {
        foreach (var field in type.Fields.ToList())
        {
            if (!Visibility.IsVisible(field) && (!type.IsValueType || field.IsStatic))
            {
                type.Fields.Remove(field);
                continue;
            }

            field.InitialValue = [];
            if (!Visibility.IsVisible(field) && IsGone(field.FieldType))
            {
                // The struct keeps its kind: managed or not, and every field to be assigned.
                field.FieldType = ContainsReference(field.FieldType) ? _module.TypeSystem.Object : _module.TypeSystem.Int32;
            }

            if (field.IsStatic && !field.HasConstant && !type.IsEnum && !field.CustomAttributes.Any(attribute => attribute.AttributeType.Name == "DecimalConstantAttribute"))
            {
                _errors.Add(("ABISTUB001", $"{field.FullName} is a visible static field: it cannot throw in the stub and would be null or zero. Make it a property, or mark the type [StubKeepsBody]."));
            }
        }
    }

    private bool ContainsReference(TypeReference type)
    {
        if (!type.IsValueType || type.Resolve() is not { } definition)
        {
            return !type.IsPointer && !type.IsFunctionPointer;
        }

        return !definition.IsEnum && definition.Fields.Any(field => !field.IsStatic && !field.FieldType.IsPrimitive && ContainsReference(field.FieldType));
    }

    private void RewriteInterfaces(TypeDefinition type)
    {
        foreach (var implemented in type.Interfaces.ToList())
        {
            if (Visibility.Parts(implemented.InterfaceType).Any(part => part.Scope is not AssemblyNameReference && part.Resolve() is { } own && !Visibility.IsVisible(own)))
            {
                type.Interfaces.Remove(implemented);
            }
        }
    }

    private static void RewriteMembers(TypeDefinition type)
    {
        foreach (var property in type.Properties.ToList())
        {
            property.GetMethod = type.Methods.Contains(property.GetMethod) ? property.GetMethod : null;
            property.SetMethod = type.Methods.Contains(property.SetMethod) ? property.SetMethod : null;
            if (property.GetMethod is null && property.SetMethod is null)
            {
                type.Properties.Remove(property);
            }
        }

        foreach (var @event in type.Events.ToList())
        {
            @event.AddMethod = type.Methods.Contains(@event.AddMethod) ? @event.AddMethod : null;
            @event.RemoveMethod = type.Methods.Contains(@event.RemoveMethod) ? @event.RemoveMethod : null;
            if (@event.AddMethod is null && @event.RemoveMethod is null)
            {
                type.Events.Remove(@event);
            }
        }
    }

    private void FilterAttributesWithin(TypeDefinition type)
    {
        FilterAttributes(type);
        FilterAttributes(type.GenericParameters);
        FilterAttributes(type.Fields);
        FilterAttributes(type.Properties);
        FilterAttributes(type.Events);
        FilterAttributes(type.Methods);
        foreach (var implemented in type.Interfaces)
        {
            FilterAttributes(implemented);
        }

        foreach (var method in type.Methods)
        {
            FilterAttributes(method.GenericParameters);
            FilterAttributes(method.Parameters);
            FilterAttributes(method.MethodReturnType);
        }
    }

    private void FilterAttributes(IEnumerable<ICustomAttributeProvider> providers)
    {
        foreach (var provider in providers)
        {
            FilterAttributes(provider);
        }
    }

    private void FilterAttributes(ICustomAttributeProvider provider)
    {
        if (!provider.HasCustomAttributes)
        {
            return;
        }

        foreach (var attribute in provider.CustomAttributes.ToList())
        {
            var name = attribute.AttributeType.Name;
            var dropped = (provider is AssemblyDefinition && name is "InternalsVisibleToAttribute" or "DebuggableAttribute")
                || (name is "AsyncStateMachineAttribute" or "IteratorStateMachineAttribute" or "AsyncIteratorStateMachineAttribute" && provider is MethodDefinition method && !_kept.Keeps(method.DeclaringType))
                || IsGone(attribute.AttributeType)
                || attribute.ConstructorArguments.Concat(attribute.Properties.Select(property => property.Argument)).Concat(attribute.Fields.Select(field => field.Argument))
                    .Any(argument => argument.Value is TypeReference type && IsGone(type));
            if (dropped)
            {
                provider.CustomAttributes.Remove(attribute);
            }
        }
    }

    /// <summary>Whether a type, or a part of it, is removed from this assembly or belongs to an assembly that the stub may not reference.</summary>
    private bool IsGone(TypeReference reference) => Visibility.Parts(reference).Any(part =>
        part.Scope is AssemblyNameReference assembly ? !_references.IsAllowed(assembly.Name) : part.Resolve() is { } own && !Stays(own));

    private void MarkAsStub()
    {
        var text = _module.TypeSystem.String;
        var type = new TypeReference("System.Reflection", "AssemblyMetadataAttribute", _module, _module.TypeSystem.CoreLibrary);
        var constructor = new MethodReference(".ctor", _module.TypeSystem.Void, type) { HasThis = true, Parameters = { new(text), new(text) } };
        _module.Assembly.CustomAttributes.Add(new CustomAttribute(constructor) { ConstructorArguments = { new(text, "AbiStub"), new(text, _feature) } });
    }

    private void CheckSurface()
    {
        foreach (var type in Visibility.AllTypes(_module).Where(Visibility.IsVisible))
        {
            Check(type.FullName, type.Interfaces.Select(implemented => implemented.InterfaceType).Append(type.BaseType).Concat(ConstraintsOf(type)));
            foreach (var field in type.Fields)
            {
                Check(field.FullName, [field.FieldType]);
            }

            foreach (var method in type.Methods)
            {
                Check(method.FullName, method.Parameters.Select(parameter => parameter.ParameterType).Append(method.ReturnType).Concat(ConstraintsOf(method)));
                if (method is { HasBody: false, IsAbstract: false } && type.BaseType?.FullName != "System.MulticastDelegate" && !_kept.Keeps(type))
                {
                    _errors.Add(("ABISTUB004", $"{method.FullName} has neither a body nor is it abstract."));
                }
            }
        }
    }

    private static IEnumerable<TypeReference> ConstraintsOf(IGenericParameterProvider provider) =>
        provider.GenericParameters.SelectMany(parameter => parameter.Constraints).Select(constraint => constraint.ConstraintType);

    private void Check(string user, IEnumerable<TypeReference?> types)
    {
        foreach (var part in types.SelectMany(Visibility.Parts).Where(IsGone))
        {
            _errors.Add(("ABISTUB003", $"{user} shows {part.FullName} of {part.Scope.Name}, which goes with the feature. Hide it, or add {part.Scope.Name} to the project's AbiStubReference."));
        }
    }
}
