using Mono.Cecil;

namespace Abi.Stubs;

/// <summary>What code outside the assembly can see.</summary>
internal static class Visibility
{
    internal static bool IsVisible(TypeDefinition type) =>
        type.DeclaringType is null
            ? type.IsPublic
            : (type.IsNestedPublic || type.IsNestedFamily || type.IsNestedFamilyOrAssembly) && IsVisible(type.DeclaringType);

    internal static bool IsVisible(MethodDefinition method) => method.IsPublic || method.IsFamily || method.IsFamilyOrAssembly;

    internal static bool IsVisible(FieldDefinition field) => field.IsPublic || field.IsFamily || field.IsFamilyOrAssembly;

    /// <summary>Attributes that the compiler writes into every assembly that needs them.</summary>
    internal static bool IsEmbedded(TypeDefinition type) =>
        type.CustomAttributes.Any(attribute => attribute.AttributeType.FullName == "Microsoft.CodeAnalysis.EmbeddedAttribute")
        || type.FullName == "Microsoft.CodeAnalysis.EmbeddedAttribute";

    internal static IEnumerable<TypeDefinition> WithNested(TypeDefinition type) => type.NestedTypes.SelectMany(WithNested).Prepend(type);

    internal static IEnumerable<TypeDefinition> AllTypes(ModuleDefinition module) => module.Types.SelectMany(WithNested);

    /// <summary>The type itself and every type inside its generic arguments, arrays, pointers and modifiers.</summary>
    internal static IEnumerable<TypeReference> Parts(TypeReference? type)
    {
        switch (type)
        {
            case null or GenericParameter:
                return [];
            case GenericInstanceType generic:
                return generic.GenericArguments.SelectMany(Parts).Concat(Parts(generic.ElementType));
            case FunctionPointerType pointer:
                return pointer.Parameters.SelectMany(parameter => Parts(parameter.ParameterType)).Concat(Parts(pointer.ReturnType));
            case IModifierType modifier:
                return Parts(modifier.ModifierType).Concat(Parts(modifier.ElementType));
            case TypeSpecification specification:
                return Parts(specification.ElementType);
            default:
                return [type];
        }
    }
}
