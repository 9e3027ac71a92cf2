using System.Collections.Immutable;
using System.Text.Json;
using Abi.Cli.CommandLine;
using Abi.Cli.Models;
using Abi.Cli.Output;
using Abi.Cli.Terminal;
using Abi.Database;

namespace Abi.Cli.Databases;

/// <summary>Makes a database, and a collection in it.</summary>
internal sealed class DatabaseCreateCommand : DatabaseCommand
{
    private static readonly Argument Collection = new("COLLECTION", "the collection to make; none makes an empty database", IsRequired: false);
    private static readonly Option<int?> Dimensions = Options.OptionalInteger("-d --dimensions", "the elements of a vector", minimum: 1);
    private static readonly Option<string> VectorName = new(["--vector-field"], "FIELD", "the name of the vector field", "vector", text => text) { DefaultText = "vector" };
    private static readonly Option<string> Distance = Options.Choice("--distance", "KIND", "how near two vectors are", "cosine", [.. CollectionJson.Distances.Select(pair => pair.Name)]);
    private static readonly Option<string> Element = Options.Choice("--element", "TYPE", "how the elements of vectors are stored", "f32", [.. CollectionJson.Elements.Select(pair => pair.Name)]);
    private static readonly Option<string> Index = Options.Choice("--index", "KIND", "how vectors are searched", "auto", [.. CollectionJson.Indexes.Select(pair => pair.Name)]);
    private static readonly Option<int> Connections = Options.Integer("--connections", "M of the graph: links of a node", 16, minimum: 2);
    private static readonly Option<int> Effort = Options.Integer("--ef-construction", "how many candidates are weighed when a vector is inserted", 200, minimum: 8);
    private static readonly Option<bool> Quantized = Options.Switch("--quantized", "let the graph walk over one byte an element");
    private static readonly Option<string?> Source = Options.Text("--source", "FIELD", "the text field that vectors are made of when records come without them");
    private static readonly Option<DataFieldJson> Field = new(["--field"], "NAME:KIND[,indexed][,text][,boost=N][,stemming=english]", "a data field, whether filters may use it, and whether and how its words can be searched", new DataFieldJson("", ""), DataFieldJson.Parse) { IsRepeatable = true };
    private static readonly Option<string> Key = Options.Choice("--key", "KIND", "the kind of the keys", "text", [.. CollectionJson.Keys.Select(pair => pair.Name)]);
    private static readonly Option<string> KeyName = new(["--key-name"], "NAME", "the name of the key in records", "Key", text => text) { DefaultText = "Key" };
    private static readonly Option<int?> TimeToLive = Options.OptionalInteger("--ttl", "how many seconds records live", "for ever", minimum: 1);
    private static readonly Option<string?> Definition = Options.File("--definition", "read all this from a JSON file, as `db info COLLECTION --json` prints it");

    /// <inheritdoc/>
    public override string Name => "create";

    /// <inheritdoc/>
    public override string Summary => "Make a database, and a collection in it.";

    /// <inheritdoc/>
    public override ImmutableArray<Argument> Arguments => [DatabaseArguments.Path, Collection];

    /// <inheritdoc/>
    public override ImmutableArray<OptionGroup> Groups =>
    [
        new("vectors", [Dimensions, VectorName, Distance, Element, Index, Connections, Effort, Quantized, Source]),
        new("records", [Field, Key, KeyName, TimeToLive, Definition, ModelOptions.Json]),
    ];

    /// <inheritdoc/>
    public override string Remarks => $"""
        Without -d, records have no vectors. Collections with several vector fields come from --definition.
        kinds of fields: {string.Join(' ', Enum.GetNames<DataKind>().Select(name => name.ToLowerInvariant()))}
        """;

    /// <inheritdoc/>
    public override async Task<int> RunAsync(ParsedArguments arguments, CliConsole console, CancellationToken cancellationToken)
    {
        var name = arguments.Find(Collection);
        Option[] described = [Dimensions, VectorName, Distance, Element, Index, Connections, Effort, Quantized, Source, Field, Key, KeyName, TimeToLive];
        if (name is null && described.Append(Definition).FirstOrDefault(arguments.Has) is { } meant)
        {
            throw new UsageException($"'{meant.Name}' says what a collection is like, and COLLECTION is missing.");
        }

        if (arguments.Has(Definition) && described.FirstOrDefault(arguments.Has) is { } other)
        {
            throw new UsageException($"'{other.Name}' does not go together with '{Definition.Name}', which says it all.");
        }

        var definition = name is null ? null : arguments.Get(Definition) is { } file ? Read(file, console) : Describe(arguments);
        var path = arguments.Get(DatabaseArguments.Path);
        var database = await OpenAsync(arguments, DatabaseAccess.ReadWrite, null, cancellationToken).ConfigureAwait(false);
        await using var _ = database.ConfigureAwait(false);
        if (name is not null)
        {
            if (await database.CollectionExistsAsync(name, cancellationToken).ConfigureAwait(false))
            {
                throw new AbiException($"The database {database.Path} has a collection '{name}' already.");
            }

            await database.GetDynamicCollection(name, definition).EnsureCollectionExistsAsync(cancellationToken).ConfigureAwait(false);
        }

        if (arguments.Get(ModelOptions.Json))
        {
            CliJson.WriteLine(console, new DatabaseWriteResult(database.Path, name, 0, database.Sequence, null), CliJson.Results.DatabaseWriteResult);
        }
        else
        {
            console.Error.WriteLine(name is null ? $"{path} is a database." : $"{path} has the collection '{name}'.");
        }

        return ExitCode.Success;
    }

    private static CollectionDefinition Describe(ParsedArguments arguments)
    {
        if (!arguments.Has(Dimensions) && new Option[] { VectorName, Distance, Element, Index, Connections, Effort, Quantized, Source }.FirstOrDefault(arguments.Has) is { } option)
        {
            throw new UsageException($"'{option.Name}' is about vectors, which need '{Dimensions.Name}'.");
        }

        var element = arguments.Get(Element);
        return new CollectionJson(
            null, null, arguments.Get(Key), arguments.Get(KeyName), arguments.Get(TimeToLive), [.. arguments.GetAll(Field)],
            arguments.Get(Dimensions) is not { } dimensions ? []
                : [new VectorFieldJson(arguments.Get(VectorName), dimensions, element, arguments.Has(Distance) || element != "binary" ? arguments.Get(Distance) : null, arguments.Get(Index), arguments.Get(Connections), arguments.Get(Effort), arguments.Get(Quantized), arguments.Get(Source))],
            null).ToDefinition();
    }

    private static CollectionDefinition Read(string file, CliConsole console)
    {
        try
        {
            return (JsonSerializer.Deserialize(InputFile.ReadBytes(file, console), CliJson.Results.CollectionJson) ?? throw new JsonException("it is null.")).ToDefinition();
        }
        catch (JsonException e)
        {
            throw new AbiException($"The file '{file}' is no definition of a collection: {e.Message}", e);
        }
    }
}
