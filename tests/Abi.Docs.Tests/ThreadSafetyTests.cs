using System.Reflection;
using System.Xml.Linq;
using Abi.Compute.Devices;
using Abi.Database;
using Abi.Database.Postgres;
using Abi.Llm;

namespace Abi.Docs.Tests;

/// <summary>Every public class says who may use it at the same time. Records are values, exceptions and attributes are not shared.</summary>
public sealed class ThreadSafetyTests
{
    private static readonly string[] Words = ["thread", "at a time", "immutable"];

    [TestCase(typeof(AbiBuilder))]
    [TestCase(typeof(StepPlan))]
    [TestCase(typeof(LanguageModel))]
    [TestCase(typeof(VectorDatabase))]
    [TestCase(typeof(PostgresDatabase))]
    public void EveryClassSaysWhoMayUseItTogether(Type one)
    {
        var documentation = XDocument.Load(Path.ChangeExtension(one.Assembly.Location, ".xml")).Descendants("member").ToDictionary(member => (string)member.Attribute("name")!, member => member.Value);
        var types = one.Assembly.GetExportedTypes().Where(IsShared).ToList();
        Assert.That(types, Has.Count.GreaterThan(2));
        Assert.That(types.Where(type => !Says(documentation.GetValueOrDefault($"T:{type.FullName!.Replace('+', '.')}", ""))).Select(type => type.FullName), Is.Empty);

        static bool Says(string text) => Array.Exists(Words, word => text.Contains(word, StringComparison.OrdinalIgnoreCase));
    }

    private static bool IsShared(Type type) =>
        type.IsClass && !(type.IsAbstract && type.IsSealed) && !typeof(Delegate).IsAssignableFrom(type) && !typeof(Exception).IsAssignableFrom(type) && !typeof(Attribute).IsAssignableFrom(type)
        && type.GetMethod("<Clone>$", BindingFlags.Instance | BindingFlags.Public) is null && !type.Name.Contains('<', StringComparison.Ordinal); // what the compiler makes of extension blocks
}
