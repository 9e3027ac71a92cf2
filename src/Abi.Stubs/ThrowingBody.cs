using Mono.Cecil;
using Mono.Cecil.Cil;

namespace Abi.Stubs;

/// <summary>Writes the bodies of a stub: operations throw, disposal and the members of object are quiet, <c>AddX</c> and <c>WithX</c> record that the feature is compiled out.</summary>
internal sealed class ThrowingBody
{
    private readonly ModuleDefinition _module;
    private readonly string _feature;
    private readonly string _property;
    private readonly MethodReference _exception;
    private readonly MethodReference _suppressFinalize;

    internal ThrowingBody(ModuleDefinition module, AssemblyNameReference core, string feature, string property)
    {
        _module = module;
        _feature = feature;
        _property = property;
        var types = module.TypeSystem;
        var exception = new TypeReference("Abi", "FeatureDisabledException", module, core);
        _exception = new MethodReference(".ctor", types.Void, exception) { HasThis = true, Parameters = { new(types.String), new(types.String) } };
        var collector = new TypeReference("System", "GC", module, types.CoreLibrary);
        _suppressFinalize = new MethodReference("SuppressFinalize", types.Void, collector) { Parameters = { new(types.Object) } };
    }

    internal void Write(MethodDefinition method)
    {
        method.Body = new MethodBody(method) { InitLocals = true };
        var il = method.Body.GetILProcessor();
        if (method.Name == ".cctor" || IsFinalizer(method) || IsQuiet(method, "Dispose", "System.Void"))
        {
            il.Emit(OpCodes.Ret);
        }
        else if (IsQuiet(method, "DisposeAsync", "System.Threading.Tasks.ValueTask"))
        {
            var done = new VariableDefinition(method.ReturnType);
            method.Body.Variables.Add(done);
            il.Emit(OpCodes.Ldloca, done);
            il.Emit(OpCodes.Initobj, method.ReturnType);
            il.Emit(OpCodes.Ldloc, done);
            il.Emit(OpCodes.Ret);
        }
        else if (IsQuiet(method, "GetHashCode", "System.Int32") && method.Parameters.Count == 0)
        {
            il.Emit(OpCodes.Ldc_I4_0);
            il.Emit(OpCodes.Ret);
        }
        else if (IsQuiet(method, "ToString", "System.String"))
        {
            il.Emit(OpCodes.Ldstr, $"{method.DeclaringType.FullName} (compiled out)");
            il.Emit(OpCodes.Ret);
        }
        else if (IsQuiet(method, "Equals", "System.Boolean") && method.Parameters.Count == 1)
        {
            WriteEquals(method, il);
        }
        else if (IsAdd(method))
        {
            var builder = method.Parameters[0].ParameterType;
            il.Emit(OpCodes.Ldarg_0);
            il.Emit(OpCodes.Ldstr, _feature);
            il.Emit(OpCodes.Ldstr, _property);
            il.Emit(OpCodes.Callvirt, new MethodReference("AddCompiledOut", builder, builder) { HasThis = true, Parameters = { new(_module.TypeSystem.String), new(_module.TypeSystem.String) } });
            il.Emit(OpCodes.Ret);
        }
        else
        {
            WriteThrow(method, il);
        }
    }

    /// <summary>Whether the method adds the feature to a builder, or says more of it there: <c>static AbiBuilder AddX(this AbiBuilder, …)</c> or <c>WithX</c>.</summary>
    internal static bool IsAdd(MethodDefinition method) =>
        method.IsStatic && (method.Name.StartsWith("Add", StringComparison.Ordinal) || method.Name.StartsWith("With", StringComparison.Ordinal)) && method.ReturnType.FullName == "Abi.AbiBuilder"
        && method.Parameters.Count > 0 && method.Parameters[0].ParameterType.FullName == "Abi.AbiBuilder";

    private static bool IsFinalizer(MethodDefinition method) => method is { Name: "Finalize", IsStatic: false, IsVirtual: true, Parameters.Count: 0 };

    // Explicit implementations are named after their interface.
    private static bool IsQuiet(MethodDefinition method, string name, string returns) =>
        !method.IsStatic && method.ReturnType.FullName == returns && (method.Name == name || method.Name.EndsWith("." + name, StringComparison.Ordinal));

    private static void WriteEquals(MethodDefinition method, ILProcessor il)
    {
        // Classes are equal to themselves. A struct of a feature that is gone has no state to compare: nothing equals it.
        if (method.DeclaringType.IsValueType || method.Parameters[0].ParameterType.IsValueType)
        {
            il.Emit(OpCodes.Ldc_I4_0);
        }
        else
        {
            il.Emit(OpCodes.Ldarg_0);
            il.Emit(OpCodes.Ldarg_1);
            il.Emit(OpCodes.Ceq);
        }

        il.Emit(OpCodes.Ret);
    }

    private void WriteThrow(MethodDefinition method, ILProcessor il)
    {
        // The object of a subclass exists although this constructor throws: its finalizer must not run.
        if (method is { IsConstructor: true, IsStatic: false, DeclaringType.IsValueType: false })
        {
            il.Emit(OpCodes.Ldarg_0);
            il.Emit(OpCodes.Call, _suppressFinalize);
        }

        il.Emit(OpCodes.Ldstr, _feature);
        il.Emit(OpCodes.Ldstr, _property);
        il.Emit(OpCodes.Newobj, _exception);
        il.Emit(OpCodes.Throw);
    }
}
