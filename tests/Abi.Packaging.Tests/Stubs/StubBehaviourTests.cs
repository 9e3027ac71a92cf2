using System.Collections;
using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;

namespace Abi.Packaging.Tests.Stubs;

public sealed class StubBehaviourTests
{
    private const BindingFlags Declared = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    private static readonly string[] QuietNames = ["Dispose", "DisposeAsync", "Equals", "GetHashCode", "ToString", "Finalize"];

    /// <summary>Calls every public member of every type of the stub that reflection can call.</summary>
    [TestCaseSource(typeof(StubSubject), nameof(StubSubject.All))]
    public void EveryMemberThrowsOrIsQuiet(StubSubject subject)
    {
        ArgumentNullException.ThrowIfNull(subject);
        var stub = subject.LoadStub();
        var (threw, quiet) = (0, 0);
        foreach (var type in stub.GetExportedTypes().Where(type => !IsData(type) && !type.IsInterface && !typeof(Delegate).IsAssignableFrom(type) && !type.IsEnum))
        {
            if (Close(type) is not { } closed || closed.IsByRefLike)
            {
                continue;
            }

            foreach (var method in closed.GetMembers(Declared).OfType<MethodBase>().Where(method => (method.IsPublic || method.IsFamily) && !method.IsAbstract && (method.IsStatic || !closed.IsAbstract) && IsCallable(method)))
            {
                var call = method is MethodInfo { IsGenericMethodDefinition: true } open ? CloseMethod(open) : method;
                if (call is null)
                {
                    continue;
                }

                var error = Call(call, closed);
                if (QuietNames.Contains(method.Name) || IsAdd(method))
                {
                    quiet++;
                    Assert.That(error, Is.Null, $"{type}.{method}");
                }
                else
                {
                    threw++;
                    Assert.That(error, Is.TypeOf<FeatureDisabledException>(), $"{type}.{method}");
                    Assert.That(((FeatureDisabledException)error!).Feature, Is.EqualTo(subject.Feature));
                    Assert.That(error!.Message, Does.Contain(subject.Property));
                }
            }
        }

        GC.Collect();
        GC.WaitForPendingFinalizers();
        TestContext.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{threw} threw, {quiet} were quiet"));
        Assert.That(threw, Is.GreaterThan(10));
    }

    [Test]
    public void DataWorksInTheStub()
    {
        var stub = new StubSubject("Abi.Stubs.Subject", "Subject").LoadStub();
        dynamic settings = Activator.CreateInstance(stub.GetType("Abi.Stubs.Subject.Settings", throwOnError: true)!)!;
        Assert.That((int)settings.Size, Is.EqualTo(7));
        Assert.That((IEnumerable)settings.Names, Is.EqualTo(new[] { "a", "b" }));
        Assert.That(((ReadOnlyMemory<byte>)settings.Table).ToArray(), Is.EqualTo(new byte[] { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }));
        Assert.That((int)settings.Twice.Invoke(21), Is.EqualTo(42));
        Assert.That((string)settings.Kind("five"), Is.EqualTo("5"));
        Assert.That(() => settings.Kind("eleven"), Throws.InstanceOf<AbiException>().With.Message.Contains("eleven"));

        dynamic reading = Activator.CreateInstance(stub.GetType("Abi.Stubs.Subject.Reading", throwOnError: true)!, "a", 4.0)!;
        Assert.That((double)reading.Half, Is.EqualTo(2.0));
        Assert.That((string)reading.ToString(), Does.Contain("Name = a"));
        var loaded = stub.GetType("Abi.Stubs.Subject.Loaded", throwOnError: true)!;
        Assert.That(() => Activator.CreateInstance(loaded), Throws.InnerException.TypeOf<FeatureDisabledException>());
    }

    [TestCaseSource(typeof(StubSubject), nameof(StubSubject.All))]
    public async Task AddRecordsTheFeatureAsCompiledOut(StubSubject subject)
    {
        ArgumentNullException.ThrowIfNull(subject);
        var stub = subject.LoadStub();
        var extensions = stub.GetExportedTypes().SingleOrDefault(type => type.GetMethod($"Add{subject.Feature}") is not null);
        if (extensions is null)
        {
            Assert.Ignore($"{subject.Assembly} has no Add{subject.Feature} yet");
        }

        var builder = AbiBuilder.Create();
        Assert.That(extensions.GetMethod($"Add{subject.Feature}")!.Invoke(null, [builder, null]), Is.SameAs(builder));
        await using var abi = await builder.BuildAsync();
        var feature = abi.Features.Single(feature => feature.Name == subject.Feature);
        Assert.That(feature.Status, Is.EqualTo(FeatureStatus.CompiledOut));
        Assert.That(feature.Reason, Does.Contain(subject.Property));
        Assert.That(() => extensions.GetMethod($"get_{subject.Feature}")!.Invoke(null, [abi]), Throws.InnerException.TypeOf<FeatureDisabledException>().With.InnerException.Message.Contains(subject.Property));
    }

    [Test]
    public void NoModuleInitializerRuns()
    {
        RuntimeHelpers.RunModuleConstructor(new StubSubject("Abi.Stubs.Subject", "Subject").LoadStub().ManifestModule.ModuleHandle);
        Assert.That(AppContext.TryGetSwitch("Abi.Stubs.Subject.Ran", out _), Is.False);
    }

    private static bool IsData(Type type) =>
        typeof(Exception).IsAssignableFrom(type) || typeof(Attribute).IsAssignableFrom(type) || type.Name.EndsWith("Options", StringComparison.Ordinal)
        || type.GetCustomAttributesData().Any(attribute => attribute.AttributeType.Name == nameof(StubKeepsBodyAttribute))
        || type.GetMethod("<Clone>$") is not null || type.GetMethod("PrintMembers", BindingFlags.NonPublic | BindingFlags.Instance) is not null;

    private static bool IsAdd(MethodBase method) =>
        method is MethodInfo { IsStatic: true } info && (info.Name.StartsWith("Add", StringComparison.Ordinal) || info.Name.StartsWith("With", StringComparison.Ordinal)) && info.ReturnType == typeof(AbiBuilder) && info.GetParameters() is [{ ParameterType: var first }, ..] && first == typeof(AbiBuilder);

    // Reflection can neither box a ref struct nor make a pointer out of nothing; the forms of those bodies are checked elsewhere.
    private static bool IsCallable(MethodBase method) =>
        method.GetParameters().All(parameter => IsPlain(parameter.ParameterType)) && (method is not MethodInfo { ReturnType: var returned } || IsPlain(returned));

    private static bool IsPlain(Type type)
    {
        var element = type.IsByRef ? type.GetElementType()! : type;
        return !element.IsByRefLike && !element.IsPointer && !element.IsFunctionPointer;
    }

    private static Type? Close(Type type)
    {
        if (!type.IsGenericTypeDefinition)
        {
            return type;
        }

        return Candidates.Select(candidate => Try(() => type.MakeGenericType([.. type.GetGenericArguments().Select(_ => candidate)]))).FirstOrDefault(closed => closed is not null);
    }

    private static MethodInfo? CloseMethod(MethodInfo method) =>
        Candidates.Select(candidate => Try(() => method.MakeGenericMethod([.. method.GetGenericArguments().Select(_ => candidate)]))).FirstOrDefault(closed => closed is not null);

    private static readonly Type[] Candidates = [typeof(int), typeof(object), typeof(float)];

    private static T? Try<T>(Func<T> make)
        where T : class
    {
        try
        {
            return make();
        }
        catch (ArgumentException)
        {
            // The constraints rule this candidate out.
            return null;
        }
    }

    private static Exception? Call(MethodBase method, Type type)
    {
        var arguments = method.GetParameters().Select(parameter => DefaultOf(parameter.ParameterType)).ToArray();
        try
        {
            if (method is ConstructorInfo constructor)
            {
                constructor.Invoke(arguments);
            }
            else
            {
                var target = method.IsStatic ? null : RuntimeHelpers.GetUninitializedObject(type);
                method.Invoke(target, arguments);
            }

            return null;
        }
        catch (TargetInvocationException error)
        {
            return error.InnerException;
        }
    }

    private static object? DefaultOf(Type type)
    {
        var element = type.IsByRef ? type.GetElementType()! : type;
        if (element == typeof(AbiBuilder))
        {
            return AbiBuilder.Create();
        }

        return element.IsValueType ? RuntimeHelpers.GetUninitializedObject(Nullable.GetUnderlyingType(element) ?? element) : null;
    }
}
