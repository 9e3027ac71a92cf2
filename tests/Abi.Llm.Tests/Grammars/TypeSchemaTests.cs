using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Abi.Llm.Grammars;
using Abi.Llm.Grammars.Schema;

namespace Abi.Llm.Tests.Grammars;

/// <summary>Grammars of types: whatever text they allow is read as an object of the type.</summary>
[Parallelizable]
public sealed class TypeSchemaTests
{
    public enum Size : byte
    {
        Small = 1,
        Large = 200,
    }

    [Flags]
    public enum Days : short
    {
        None = 0,
        Monday = 1,
        FarDay = 2,
        All = ~0,
    }

    private static IEnumerable<JsonSerializerOptions> Options() =>
    [
        new(JsonSerializerDefaults.General),
        new(JsonSerializerDefaults.Web), // reads numbers from texts, too
        new(JsonSerializerDefaults.Web) { Converters = { new JsonStringEnumConverter(JsonNamingPolicy.KebabCaseLower) }, PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower },
        new(JsonSerializerOptions.Strict),
    ];

    private static IEnumerable<Type> Types() =>
    [
        typeof(DateOnly), typeof(TimeOnly), typeof(DateTime), typeof(DateTimeOffset), typeof(TimeSpan), typeof(Guid), typeof(Uri), typeof(Version), typeof(char), typeof(byte[]), typeof(ReadOnlyMemory<byte>),
        typeof(sbyte), typeof(byte), typeof(short), typeof(ushort), typeof(int), typeof(uint), typeof(long), typeof(ulong), typeof(Int128), typeof(UInt128),
        typeof(Half), typeof(float), typeof(double), typeof(decimal), typeof(bool), typeof(Size), typeof(Days),
    ];

    private static IEnumerable<Type> Shapes() => [.. Types(), .. Types().Where(type => type.IsValueType).Select(type => typeof(Nullable<>).MakeGenericType(type)), typeof(Order), typeof(Shape), typeof(List<Tree>)];

    [TestCaseSource(nameof(Shapes))]
    public void EveryTextIsRead(Type type) => Check(type);

    private static IEnumerable<Type> Keys() => Types().Where(type => type != typeof(byte[]) && type != typeof(ReadOnlyMemory<byte>)); // which the serialiser does not take as keys

    [TestCaseSource(nameof(Keys))]
    public void EveryKeyOfADictionaryIsRead(Type type) => Check(typeof(Dictionary<,>).MakeGenericType(type, typeof(bool)));

    private static void Check(Type type)
    {
        var random = new Random(1);
        // no schema says that the names of a dictionary's entries differ
        foreach (var options in Options().Where(options => options.AllowDuplicateProperties || !type.Name.StartsWith("Dictionary", StringComparison.Ordinal)))
        {
            options.TypeInfoResolver = new DefaultJsonTypeInfoResolver();
            var info = options.GetTypeInfo(type);
            var grammar = Grammar.FromJsonSchema(TypeSchema.Of(info).ToJsonString());
            for (var i = 0; i < 12; i++)
            {
                var text = GrammarTesting.Sample(grammar, GrammarTesting.StoriesTokenizer(), random, 250);
                object? value = null;
                Assert.That(() => value = JsonSerializer.Deserialize(text, info), Throws.Nothing, text);
                if (value is Size size)
                {
                    Assert.That(Enum.IsDefined(size), text);
                }
            }
        }
    }

    [TestCase(typeof(int[,]), "Int32[,]", "array of arrays")]
    [TestCase(typeof(Type), "System.Type", "a name")]
    [TestCase(typeof(Action), "System.Action", "a name")]
    [TestCase(typeof(Board), "Int32[,] (the property 'Fields' of Board)", "array of arrays")]
    [TestCase(typeof(List<Handle>), "System.IntPtr (the property 'Address' of Handle)", "a number")]
    public void ATypeThatTheSerialiserRefusesIsRefusedByNameAndPlace(Type type, string name, string advice)
    {
        var options = new JsonSerializerOptions { TypeInfoResolver = new DefaultJsonTypeInfoResolver() };
        Assert.That(() => TypeSchema.Of(options.GetTypeInfo(type)), Throws.TypeOf<GrammarException>().With.Message.Contains(name).And.Message.Contains(advice));
    }

    [Test]
    public void APropertyWithAConverterOrThatIsOnlyWrittenIsNotRefused()
    {
        var options = new JsonSerializerOptions { TypeInfoResolver = new DefaultJsonTypeInfoResolver() };
        foreach (var type in new[] { typeof(ConvertedBoard), typeof(Kinded) })
        {
            Assert.That(() => Grammar.FromJsonSchema(TypeSchema.Of(options.GetTypeInfo(type)).ToJsonString()), Throws.Nothing, type.Name);
        }

        Assert.That(JsonSerializer.Deserialize<ConvertedBoard>("""{"Fields":"2x3"}""", options)!.Fields.Length, Is.EqualTo(6));
        Assert.That(JsonSerializer.Deserialize<Kinded>("""{"Name":"a","Kind":"b"}""", options)!.Name, Is.EqualTo("a"));
    }

    [TestCase(typeof(Nameless), nameof(Nameless))]
    [TestCase(typeof(Cage), nameof(IAnimal))]
    public void ATypeThatNothingCanBeReadAsIsRefusedByName(Type type, string name)
    {
        var options = new JsonSerializerOptions { TypeInfoResolver = new DefaultJsonTypeInfoResolver() };
        Assert.That(() => TypeSchema.Of(options.GetTypeInfo(type)), Throws.TypeOf<GrammarException>().With.Message.Contains(name).And.Message.Contains("JsonDerivedType"));
    }

    public sealed record Board(int[,] Fields);

    public sealed record ConvertedBoard([property: JsonConverter(typeof(BoardConverter))] int[,] Fields);

    public sealed record Kinded(string Name)
    {
        public Type Kind => typeof(string);
    }

    public sealed class BoardConverter : JsonConverter<int[,]>
    {
        public override int[,] Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            var sizes = reader.GetString()!.Split('x');
            return new int[int.Parse(sizes[0]), int.Parse(sizes[1])];
        }

        public override void Write(Utf8JsonWriter writer, int[,] value, JsonSerializerOptions options) => writer.WriteStringValue($"{value.GetLength(0)}x{value.GetLength(1)}");
    }

    public sealed record Handle(nint Address);

    public abstract record Nameless(int Size);

    public interface IAnimal
    {
        string Name { get; }
    }

    public sealed record Cage(IAnimal Animal);

    public sealed record Order(Guid Id, DateOnly Day, TimeSpan Length, Size? Size, Days Days, Dictionary<int, byte> Counts, IReadOnlyList<Line> Lines);

    public sealed record Line(string Name, decimal Price, Uri? Link);

    public sealed record Tree(string Name, List<Tree> Children);

    [JsonDerivedType(typeof(Circle), "circle")]
    [JsonDerivedType(typeof(Square), "square")]
    public abstract record Shape;

    public sealed record Circle(double Radius) : Shape;

    public sealed record Square(double Side, Shape? Inner) : Shape;
}
