using Mono.Cecil;
using Mono.Cecil.Cil;

namespace Abi.Stubs;

/// <summary>
/// Decides which types keep their bodies: those marked <c>[StubKeepsBody]</c>, and data by its kind (exceptions, records, attributes, interfaces
/// with default methods, <c>…Options</c>). Data whose bodies need something that is removed loses its bodies after all; a marked type is an error then.
/// </summary>
internal sealed class KeptTypes
{
    private readonly ReferenceList _references;
    private readonly HashSet<TypeDefinition> _kept;
    private readonly HashSet<TypeDefinition> _support = [];
    private readonly HashSet<MemberReference> _supportMembers = [];

    internal KeptTypes(ModuleDefinition module, ReferenceList references)
    {
        _references = references;
        var marked = Visibility.AllTypes(module).Where(type => Visibility.IsVisible(type) && IsMarked(type)).ToHashSet();
        _kept = [.. marked, .. Visibility.AllTypes(module).Where(type => Visibility.IsVisible(type) && IsData(type))];
        while (true)
        {
            var wrong = _kept.Select(type => (Type: type, Why: ReasonAgainst(type))).Where(pair => pair.Why is not null).ToList();
            if (wrong.Count == 0)
            {
                break;
            }

            Errors.AddRange(wrong.Where(pair => marked.Contains(pair.Type)).Select(pair => ("ABISTUB002",
                $"{pair.Type.FullName} is marked [StubKeepsBody], but {pair.Why}. Keep to the framework, Abi.Core and types that stay, or remove the mark.")));
            _kept.ExceptWith(wrong.Select(pair => pair.Type));
        }

        foreach (var method in _kept.SelectMany(Visibility.WithNested).SelectMany(type => type.Methods))
        {
            TakeSupport(method);
        }
    }

    internal List<(string Code, string Message)> Errors { get; } = [];

    internal IEnumerable<TypeDefinition> Types => _kept;

    /// <summary>Whether the type keeps its bodies: kept, or nested in a kept one and not visible itself, or compiler-made and used by one.</summary>
    internal bool Keeps(TypeDefinition type)
    {
        for (var current = type; current is not null; current = current.DeclaringType)
        {
            if (_kept.Contains(current) || _support.Contains(current))
            {
                return true;
            }

            if (Visibility.IsVisible(current))
            {
                return false;
            }
        }

        return false;
    }

    /// <summary>Of a compiler-made bag of data only what kept bodies use stays; other kept types stay whole.</summary>
    internal bool KeepsMember(TypeDefinition type, IMemberDefinition member) => !IsDataBag(type) || _supportMembers.Contains((MemberReference)member);

    private static bool IsMarked(TypeDefinition type) => type.CustomAttributes.Any(attribute => attribute.AttributeType.FullName == "Abi.StubKeepsBodyAttribute");

    private static bool IsData(TypeDefinition type)
    {
        if (type.IsInterface)
        {
            return type.Methods.Any(method => method.HasBody);
        }

        return !type.IsEnum && !IsDelegate(type)
            && (type.Name.EndsWith("Options", StringComparison.Ordinal) || IsRecord(type) || DerivesFrom(type, "System.Exception") || DerivesFrom(type, "System.Attribute"));
    }

    private static bool IsRecord(TypeDefinition type) =>
        type.Methods.Any(method => method.Name == "<Clone>$")
        || (type.IsValueType && type.Methods.Any(method => method.Name == "PrintMembers" && method.Parameters is [{ ParameterType.FullName: "System.Text.StringBuilder" }]));

    private static bool IsDelegate(TypeDefinition type) => type.BaseType?.FullName == "System.MulticastDelegate";

    private static bool DerivesFrom(TypeDefinition type, string ancestor)
    {
        for (var current = type.BaseType; current is not null; current = current.Resolve()?.BaseType)
        {
            if (current.FullName == ancestor)
            {
                return true;
            }
        }

        return false;
    }

    private static bool IsCompilerMade(TypeDefinition type) => type.Name.StartsWith('<');

    private static bool IsDataBag(TypeDefinition type) => type.Name.StartsWith("<PrivateImplementationDetails>", StringComparison.Ordinal);

    private string? ReasonAgainst(TypeDefinition type)
    {
        foreach (var part in Visibility.WithNested(type).Where(part => part == type || !Visibility.IsVisible(part)))
        {
            foreach (var field in part.Fields)
            {
                if (ReasonAgainst(field.FieldType, part) is { } why)
                {
                    return $"the field {field.Name} needs {why}";
                }
            }

            foreach (var method in part.Methods)
            {
                if (ReasonAgainst(method, []) is { } why)
                {
                    return $"{method.Name} needs {why}";
                }
            }
        }

        return null;
    }

    private string? ReasonAgainst(MethodDefinition method, HashSet<MethodDefinition> seen)
    {
        if (!seen.Add(method))
        {
            return null;
        }

        var signature = method.Parameters.Select(parameter => parameter.ParameterType).Append(method.ReturnType);
        if (signature.Select(type => ReasonAgainst(type, method.DeclaringType)).FirstOrDefault(why => why is not null) is { } inSignature)
        {
            return inSignature;
        }

        if (!method.HasBody)
        {
            return method.IsPInvokeImpl ? "a native function" : null;
        }

        foreach (var variable in method.Body.Variables)
        {
            if (ReasonAgainst(variable.VariableType, method.DeclaringType) is { } why)
            {
                return why;
            }
        }

        foreach (var instruction in method.Body.Instructions)
        {
            if (ReasonAgainst(instruction.Operand, method, seen) is { } why)
            {
                return why;
            }
        }

        return null;
    }

    private string? ReasonAgainst(object? operand, MethodDefinition user, HashSet<MethodDefinition> seen)
    {
        switch (operand)
        {
            case TypeReference type:
                return ReasonAgainst(type, user.DeclaringType);
            case FieldReference field:
                return ReasonAgainst(field.DeclaringType, user.DeclaringType) ?? ReasonAgainstMember(field.Resolve(), field.Module == user.Module, user, seen);
            case MethodReference method:
                var generic = method is GenericInstanceMethod instance ? instance.GenericArguments : [];
                return generic.Append(method.DeclaringType).Select(type => ReasonAgainst(type, user.DeclaringType)).FirstOrDefault(why => why is not null)
                    ?? ReasonAgainstMember(method.DeclaringType.Scope == user.Module ? method.Resolve() : null, own: true, user, seen);
            default:
                return null;
        }
    }

    private string? ReasonAgainstMember(IMemberDefinition? member, bool own, MethodDefinition user, HashSet<MethodDefinition> seen)
    {
        if (member is null || !own || member.DeclaringType.Module != user.Module)
        {
            return null;
        }

        var home = member.DeclaringType;
        if (_kept.Contains(home) || InSameKeptType(home, user.DeclaringType))
        {
            return null;
        }

        if (IsCompilerMade(OutermostOf(home)))
        {
            return member is MethodDefinition method ? ReasonAgainst(method, seen) : null;
        }

        var visible = member is MethodDefinition called ? Visibility.IsVisible(called) : member is FieldDefinition field && Visibility.IsVisible(field);
        if (!visible)
        {
            return $"{member.FullName}, which is removed";
        }

        // What makes an object must not throw; what is done with it later may.
        return user.IsConstructor && member is MethodDefinition ? $"{member.FullName}, which throws in the stub" : null;
    }

    private string? ReasonAgainst(TypeReference reference, TypeDefinition user)
    {
        foreach (var part in Visibility.Parts(reference))
        {
            if (part.Scope is AssemblyNameReference assembly)
            {
                if (!_references.IsAllowed(assembly.Name))
                {
                    return $"{part.FullName} of {assembly.Name}, which goes with the feature";
                }
            }
            else if (part.Resolve() is { } own && !Visibility.IsVisible(own) && !InSameKeptType(own, user) && !Visibility.IsEmbedded(own) && !IsCompilerMade(OutermostOf(own)))
            {
                return $"{own.FullName}, which is removed";
            }
        }

        return null;
    }

    private static TypeDefinition OutermostOf(TypeDefinition type) => type.DeclaringType is null ? type : OutermostOf(type.DeclaringType);

    /// <summary>Whether a type that is not visible is nested in a kept one.</summary>
    private bool InSameKeptType(TypeDefinition type, TypeDefinition user)
    {
        if (type == user)
        {
            return true;
        }

        for (var current = type; current is not null; current = current.DeclaringType)
        {
            if (_kept.Contains(current))
            {
                return true;
            }

            if (Visibility.IsVisible(current))
            {
                return false;
            }
        }

        return false;
    }

    private void TakeSupport(MethodDefinition method)
    {
        if (!method.HasBody)
        {
            return;
        }

        var used = method.Body.Instructions.Select(instruction => instruction.Operand).OfType<MemberReference>()
            .Concat(method.Body.Variables.Select(variable => variable.VariableType));
        foreach (var member in used)
        {
            TakeSupport(member);
        }
    }

    private void TakeSupport(MemberReference member)
    {
        foreach (var part in Visibility.Parts(member as TypeReference ?? member.DeclaringType))
        {
            if (part.Scope is AssemblyNameReference || part.Resolve() is not { } type || Visibility.IsVisible(type) || Keeps(type) && !IsDataBag(type) || !IsCompilerMade(OutermostOf(type)))
            {
                continue;
            }

            _support.Add(OutermostOf(type));
            if (!IsDataBag(OutermostOf(type)))
            {
                foreach (var method in Visibility.WithNested(OutermostOf(type)).SelectMany(nested => nested.Methods))
                {
                    TakeSupport(method);
                }
            }
        }

        switch (member)
        {
            case GenericInstanceMethod generic:
                TakeSupport(generic.ElementMethod);
                break;
            case MethodReference { DeclaringType.Scope: not AssemblyNameReference } method when method.Resolve() is { } definition && IsDataBag(definition.DeclaringType) && _supportMembers.Add(definition):
                TakeSupport(definition);
                break;
            case FieldReference { DeclaringType.Scope: not AssemblyNameReference } field when field.Resolve() is { } definition && IsDataBag(definition.DeclaringType):
                _supportMembers.Add(definition);
                break;
        }
    }
}
