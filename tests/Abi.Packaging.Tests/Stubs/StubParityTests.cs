using Abi.Packaging.Tests.Surface;
using Abi.Stubs;
using Mono.Cecil;
using Mono.Cecil.Cil;

namespace Abi.Packaging.Tests.Stubs;

public sealed class StubParityTests
{
    [TestCaseSource(typeof(StubSubject), nameof(StubSubject.All))]
    public void HasTheSurfaceOfTheRealAssembly(StubSubject subject)
    {
        ArgumentNullException.ThrowIfNull(subject);
        var real = PublicSurface.InFull(subject.RealPath);
        Assert.That(real, Has.Count.GreaterThan(subject.LeastSurface));
        Assert.That(PublicSurface.InFull(subject.StubPath), Is.EqualTo(real));
    }

    [TestCaseSource(typeof(StubSubject), nameof(StubSubject.All))]
    public void EveryBodyIsOneOfTheKnownForms(StubSubject subject)
    {
        ArgumentNullException.ThrowIfNull(subject);
        var (stub, kept) = Make(subject);
        using var assembly = AssemblyDefinition.ReadAssembly(new MemoryStream(stub));
        var bodies = 0;
        foreach (var method in AllTypes(assembly.MainModule.Types).Where(type => !IsKept(type, kept)).SelectMany(type => type.Methods).Where(method => method.HasBody))
        {
            bodies++;
            Assert.That(FormOf(method, subject), Is.Not.Null, $"{method.FullName}: {string.Join("; ", method.Body.Instructions)}");
        }

        Assert.That(bodies, Is.GreaterThan(20));
    }

    [TestCaseSource(typeof(StubSubject), nameof(StubSubject.All))]
    public void ReferencesOnlyWhatStays(StubSubject subject)
    {
        ArgumentNullException.ThrowIfNull(subject);
        using var references = ReferenceList.Read(subject.ReferencesPath);
        using var assembly = AssemblyDefinition.ReadAssembly(subject.StubPath);
        Assert.That(assembly.MainModule.AssemblyReferences.Where(reference => !references.IsAllowed(reference.Name)), Is.Empty);
        Assert.That(assembly.MainModule.Resources, Is.Empty);
        Assert.That(assembly.CustomAttributes.Any(attribute => attribute.AttributeType.Name == "AssemblyMetadataAttribute" && (string)attribute.ConstructorArguments[0].Value == "AbiStub"));
    }

    [TestCaseSource(typeof(StubSubject), nameof(StubSubject.All))]
    public void TheSameInputGivesTheSameBytes(StubSubject subject)
    {
        ArgumentNullException.ThrowIfNull(subject);
        Assert.That(Make(subject).Image, Is.EqualTo(Make(subject).Image));
        Assert.That(Make(subject).Image, Is.EqualTo(File.ReadAllBytes(subject.StubPath)));
    }

    /// <summary>Options, exceptions and attributes are data, and data works in the stub.</summary>
    [TestCaseSource(typeof(StubSubject), nameof(StubSubject.All))]
    public void DataIsKept(StubSubject subject)
    {
        ArgumentNullException.ThrowIfNull(subject);
        var (_, kept) = Make(subject);
        using var assembly = AssemblyDefinition.ReadAssembly(subject.RealPath);
        var data = assembly.MainModule.Types.Where(type => type.IsPublic && (type.Name.EndsWith("Options", StringComparison.Ordinal) || type.Name.EndsWith("Exception", StringComparison.Ordinal)));
        Assert.That(data.Select(type => type.FullName).Except(kept), Is.Empty);
        TestContext.Out.WriteLine(string.Join(Environment.NewLine, kept));
    }

    /// <summary>The comparison itself is worth something: each kind of member that is taken out of a stub, or changed, shows.</summary>
    [TestCase("SubjectFeatureExtensions", "Middle")]
    [TestCase("SubjectFeatureExtensions", "get_Subject")]
    [TestCase("Square", "ReadAsync")]
    [TestCase("Square", ".ctor")]
    [TestCase("Colour", "Green")]
    [TestCase("Union", "Whole")]
    [TestCase("IShape", "add_Changed")]
    public void AMissingMemberShows(string type, string member)
    {
        var subject = StubSubject.All.Single(subject => subject.Feature == "Subject");
        var path = Path.Combine(TestContext.CurrentContext.WorkDirectory, $"{TestContext.CurrentContext.Test.ID}.dll");
        using (var assembly = AssemblyDefinition.ReadAssembly(subject.StubPath))
        {
            var definition = assembly.MainModule.GetType($"Abi.Stubs.Subject.{type}");
            if (definition.Methods.FirstOrDefault(method => method.Name == member) is { } method)
            {
                method.IsPublic = false;
            }
            else
            {
                definition.Fields.Single(field => field.Name == member).IsPublic = false;
            }

            assembly.Write(path);
        }

        Assert.That(PublicSurface.InFull(path), Is.Not.EqualTo(PublicSurface.InFull(subject.RealPath)));
        File.Delete(path);
    }

    private static (byte[] Image, IReadOnlyList<string> Kept) Make(StubSubject subject)
    {
        using var references = ReferenceList.Read(subject.ReferencesPath);
        var result = StubWriter.Write(subject.RealPath, subject.Feature, subject.Property, references);
        return (result.Image, result.KeptTypes);
    }

    private static bool IsKept(TypeDefinition type, IReadOnlyList<string> kept)
    {
        for (var current = type; current is not null; current = current.DeclaringType)
        {
            if (kept.Contains(current.FullName) || current.Name.StartsWith('<') || current.CustomAttributes.Any(attribute => attribute.AttributeType.Name == "EmbeddedAttribute") || current.Name == "EmbeddedAttribute")
            {
                return !current.FullName.Contains("/<G>", StringComparison.Ordinal);
            }
        }

        return false;
    }

    private static string? FormOf(MethodDefinition method, StubSubject subject)
    {
        var code = method.Body.Instructions.Select(instruction => (instruction.OpCode.Code, Operand: instruction.Operand?.ToString())).ToList();
        var codes = code.Select(instruction => instruction.Code).ToArray();
        if (codes.AsSpan().EndsWith([Code.Ldstr, Code.Ldstr, Code.Newobj, Code.Throw])
            && code[^4].Operand == subject.Feature && code[^3].Operand == subject.Property && code[^2].Operand!.Contains("Abi.FeatureDisabledException::.ctor", StringComparison.Ordinal))
        {
            var guarded = method is { IsConstructor: true, DeclaringType.IsValueType: false };
            return codes.Length == (guarded ? 6 : 4) && (!guarded || code[1].Operand!.Contains("System.GC::SuppressFinalize", StringComparison.Ordinal)) ? "throws" : null;
        }

        var name = method.Name[(method.Name.LastIndexOf('.') + 1)..];
        return name switch
        {
            "Finalize" or "Dispose" when codes is [Code.Ret] => "quiet",
            "DisposeAsync" when codes.Length == 4 => "quiet",
            "GetHashCode" or "Equals" or "ToString" when codes[^1] == Code.Ret && codes.Length <= 4 => "quiet",
            _ when code.Any(instruction => instruction.Operand?.Contains("Abi.AbiBuilder::AddCompiledOut", StringComparison.Ordinal) == true) => "adds",
            _ => null,
        };
    }

    private static IEnumerable<TypeDefinition> AllTypes(IEnumerable<TypeDefinition> types) => types.SelectMany(type => AllTypes(type.NestedTypes).Prepend(type));
}
