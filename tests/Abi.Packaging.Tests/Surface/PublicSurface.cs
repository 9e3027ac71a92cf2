using System.Globalization;
using System.Text;
using Mono.Cecil;

namespace Abi.Packaging.Tests.Surface;

/// <summary>One line for each visible type and member of an assembly, in a fixed order, with all that a caller's code can depend on.</summary>
internal static class PublicSurface
{
    // Not part of the contract: how the compiler spelt it, and what the tools say of it.
    private static readonly HashSet<string> Unsaid =
    [
        "CompilerGeneratedAttribute", "NullableAttribute", "NullableContextAttribute", "AsyncStateMachineAttribute", "IteratorStateMachineAttribute",
        "AsyncIteratorStateMachineAttribute", "DebuggerBrowsableAttribute", "StubKeepsBodyAttribute", "IsReadOnlyAttribute", "IsByRefLikeAttribute", "RefSafetyRulesAttribute",
        "CompilerFeatureRequiredAttribute", "RequiredMemberAttribute", "DefaultMemberAttribute", "GeneratedCodeAttribute", "ExtensionAttribute", "InterpolatedStringHandlerArgumentAttribute",
    ];

    internal static IReadOnlyList<string> Of(string path) => Of(path, attributes: false);

    /// <summary>The surface with every attribute, layout and override: what a stub must share with the assembly it stands for.</summary>
    internal static IReadOnlyList<string> InFull(string path) => Of(path, attributes: true);

    private static List<string> Of(string path, bool attributes)
    {
        using var assembly = AssemblyDefinition.ReadAssembly(path, new ReaderParameters { AssemblyResolver = ResolverFor(path) });
        var lines = new List<string>();
        foreach (var type in AllTypes(assembly.MainModule.Types).Where(IsVisible).OrderBy(type => type.FullName, StringComparer.Ordinal))
        {
            // The compiler's markers of extension blocks say what the extension members say already.
            if (!attributes && type.FullName.Contains("/<", StringComparison.Ordinal))
            {
                continue;
            }

            lines.Add(Type(type, attributes));
            lines.AddRange(Members(type, attributes).Order(StringComparer.Ordinal).Select(line => "    " + line));
        }

        return lines;
    }

    private static DefaultAssemblyResolver ResolverFor(string path)
    {
        var resolver = new DefaultAssemblyResolver();
        resolver.AddSearchDirectory(Path.GetDirectoryName(path)!);
        resolver.AddSearchDirectory(AppContext.BaseDirectory);
        resolver.AddSearchDirectory(Path.GetDirectoryName(typeof(object).Assembly.Location)!);
        return resolver;
    }

    private static string Type(TypeDefinition type, bool attributes)
    {
        var text = new StringBuilder(attributes ? Attributes(type) : "");
        text.Append(type.IsInterface ? "interface" : type.IsEnum ? "enum" : type.IsValueType ? "struct" : type.IsAbstract && type.IsSealed ? "static class" : type.IsAbstract ? "abstract class" : type.IsSealed ? "sealed class" : "class");
        text.Append(' ').Append(Name(type)).Append(Generics(type, attributes));
        var bases = type.Interfaces.Select(implemented => Name(implemented.InterfaceType)).Order(StringComparer.Ordinal).ToList();
        if (type.BaseType is { FullName: not ("System.Object" or "System.ValueType" or "System.Enum") } parent)
        {
            bases.Insert(0, Name(parent));
        }

        if (bases.Count > 0)
        {
            text.Append(" : ").AppendJoin(", ", bases);
        }

        if (attributes)
        {
            text.Append(CultureInfo.InvariantCulture, $" [{type.Attributes & ~TypeAttributes.BeforeFieldInit}, {type.PackingSize}, {type.ClassSize}]");
        }

        return text.ToString();
    }

    private static IEnumerable<string> Members(TypeDefinition type, bool attributes)
    {
        foreach (var field in type.Fields.Where(field => field.IsPublic || field.IsFamily || field.IsFamilyOrAssembly))
        {
            if (type.IsEnum && !field.IsStatic)
            {
                yield return $"value {Name(field.FieldType)}";
                continue;
            }

            var constant = field.HasConstant ? $" = {Value(field.Constant)}" : "";
            yield return (attributes ? Attributes(field) : "") + $"{(field.IsFamily || field.IsFamilyOrAssembly ? "protected " : "")}{(field.HasConstant ? "const " : field.IsStatic ? "static " : "")}{(field.IsInitOnly ? "readonly " : "")}{Name(field.FieldType)} {field.Name}{constant}";
        }

        foreach (var method in type.Methods.Where(IsVisible))
        {
            if (!attributes && (method.IsGetter || method.IsSetter || method.IsAddOn || method.IsRemoveOn) && !IsExtensionAccessor(type, method))
            {
                continue;
            }

            yield return Method(method, attributes);
        }

        foreach (var property in type.Properties)
        {
            var accessors = new[] { property.GetMethod, property.SetMethod }.Where(method => method is not null && IsVisible(method)).ToList();
            if (accessors.Count > 0)
            {
                var parameters = property.HasParameters ? $"[{string.Join(", ", property.Parameters.Select(parameter => Parameter(parameter, attributes)))}]" : "";
                yield return (attributes ? Attributes(property) : "") + $"{Modifiers(accessors[0]!)}{Name(property.PropertyType)} {property.Name}{parameters} {{ {string.Join(" ", accessors.Select(Accessor))} }}";
            }
        }

        foreach (var @event in type.Events.Where(@event => @event.AddMethod is not null && IsVisible(@event.AddMethod)))
        {
            yield return (attributes ? Attributes(@event) : "") + $"{Modifiers(@event.AddMethod)}event {Name(@event.EventType)} {@event.Name}";
        }
    }

    private static string Accessor(MethodDefinition? method)
    {
        var isInit = method!.ReturnType is RequiredModifierType { ModifierType.Name: "IsExternalInit" };
        return $"{(method.IsPublic ? "" : "protected ")}{(method.IsGetter ? "get" : isInit ? "init" : "set")};";
    }

    // Extension properties have no property in metadata that callers see under their class: their accessors are the surface.
    private static bool IsExtensionAccessor(TypeDefinition type, MethodDefinition method) =>
        !type.Properties.Any(property => property.GetMethod == method || property.SetMethod == method) && !type.Events.Any(@event => @event.AddMethod == method || @event.RemoveMethod == method);

    private static string Method(MethodDefinition method, bool attributes)
    {
        var text = new StringBuilder(attributes ? Attributes(method) + Attributes(method.MethodReturnType) : "");
        text.Append(Modifiers(method)).Append(method.IsConstructor ? "" : Name(method.ReturnType) + " ").Append(method.Name).Append(Generics(method, attributes));
        text.Append('(').AppendJoin(", ", method.Parameters.Select(parameter => Parameter(parameter, attributes))).Append(')');
        if (attributes)
        {
            text.Append(CultureInfo.InvariantCulture, $" [{method.Attributes & ~(MethodAttributes.PInvokeImpl | MethodAttributes.HasSecurity)}{string.Concat(method.Overrides.Select(overridden => ", " + overridden.FullName))}]");
        }

        return text.ToString();
    }

    private static string Modifiers(MethodDefinition method) =>
        (method.IsPublic || method.DeclaringType.IsInterface ? "" : "protected ")
        + (method.IsStatic ? "static " : "")
        + (method.DeclaringType.IsInterface ? "" : method.IsAbstract ? "abstract " : method is { IsVirtual: true, IsFinal: false } ? method.IsNewSlot ? "virtual " : "override " : "");

    private static string Parameter(ParameterDefinition parameter, bool attributes)
    {
        var kind = parameter.ParameterType.IsByReference ? parameter.IsOut ? "out " : parameter.IsIn ? "in " : "ref " : parameter.CustomAttributes.Any(attribute => attribute.AttributeType.Name.StartsWith("Param", StringComparison.Ordinal)) ? "params " : "";
        var type = parameter.ParameterType is ByReferenceType reference ? reference.ElementType : parameter.ParameterType;
        return (attributes ? Attributes(parameter) : "") + $"{kind}{Name(type)} {parameter.Name}{(parameter.HasConstant ? $" = {Value(parameter.Constant)}" : parameter.IsOptional ? " = default" : "")}";
    }

    private static string Generics(IGenericParameterProvider provider, bool attributes)
    {
        if (!provider.HasGenericParameters)
        {
            return "";
        }

        return $"<{string.Join(", ", provider.GenericParameters.Select(parameter =>
        {
            var constraints = parameter.Constraints.Select(constraint => Name(constraint.ConstraintType)).Order(StringComparer.Ordinal).ToList();
            var flags = parameter.Attributes == GenericParameterAttributes.NonVariant ? "" : $" {parameter.Attributes}";
            return (attributes ? Attributes(parameter) : "") + parameter.Name + (constraints.Count + flags.Length == 0 ? "" : $" :{flags} {string.Join(", ", constraints)}");
        }))}>";
    }

    private static string Attributes(ICustomAttributeProvider provider) => string.Concat(provider.CustomAttributes
        .Where(attribute => !Unsaid.Contains(attribute.AttributeType.Name) && attribute.AttributeType.Resolve() is { IsPublic: true })
        .Select(attribute => $"[{attribute.AttributeType.Name}({string.Join(", ", attribute.ConstructorArguments.Select(argument => Value(argument.Value)))})] ")
        .Order(StringComparer.Ordinal));

    private static string Value(object? value) => value switch
    {
        null => "null",
        string text => $"\"{text}\"",
        bool flag => flag ? "true" : "false",
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };

    private static string Name(TypeReference type) => type switch
    {
        GenericInstanceType generic when generic.ElementType.FullName == "System.Nullable`1" => Name(generic.GenericArguments[0]) + "?",
        GenericInstanceType generic => $"{Plain(generic.ElementType)}<{string.Join(", ", generic.GenericArguments.Select(Name))}>",
        ArrayType array => $"{Name(array.ElementType)}[{new string(',', array.Rank - 1)}]",
        ByReferenceType reference => $"ref {Name(reference.ElementType)}",
        PointerType pointer => $"{Name(pointer.ElementType)}*",
        RequiredModifierType modified => Name(modified.ElementType),
        _ => Plain(type),
    };

    private static string Plain(TypeReference type)
    {
        var name = type.FullName.Replace('/', '.');
        var tick = name.LastIndexOf('`');
        return type is GenericParameter ? type.Name : Short.GetValueOrDefault(name) ?? (tick < 0 ? name : name[..tick]);
    }

    private static readonly Dictionary<string, string> Short = new(StringComparer.Ordinal)
    {
        ["System.Void"] = "void", ["System.Boolean"] = "bool", ["System.Byte"] = "byte", ["System.SByte"] = "sbyte", ["System.Int16"] = "short", ["System.UInt16"] = "ushort",
        ["System.Int32"] = "int", ["System.UInt32"] = "uint", ["System.Int64"] = "long", ["System.UInt64"] = "ulong", ["System.Single"] = "float", ["System.Double"] = "double",
        ["System.Decimal"] = "decimal", ["System.Char"] = "char", ["System.String"] = "string", ["System.Object"] = "object", ["System.IntPtr"] = "nint", ["System.UIntPtr"] = "nuint",
    };

    private static IEnumerable<TypeDefinition> AllTypes(IEnumerable<TypeDefinition> types) => types.SelectMany(type => AllTypes(type.NestedTypes).Prepend(type));

    private static bool IsVisible(TypeDefinition type) =>
        type.DeclaringType is null ? type.IsPublic : (type.IsNestedPublic || type.IsNestedFamily || type.IsNestedFamilyOrAssembly) && IsVisible(type.DeclaringType);

    private static bool IsVisible(MethodDefinition method) => method.IsPublic || method.IsFamily || method.IsFamilyOrAssembly;
}
