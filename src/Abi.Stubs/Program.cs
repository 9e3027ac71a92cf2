using Abi.Stubs;

// Abi.Stubs ASSEMBLY STUB FEATURE PROPERTY REFERENCES: reads the real assembly, writes its stub and, beside it, the list of packages that the stub keeps.
if (args.Length != 5)
{
    Console.Error.WriteLine("usage: Abi.Stubs ASSEMBLY STUB FEATURE PROPERTY REFERENCES");
    return 2;
}

try
{
    var references = ReferenceList.Read(args[4]);
    var stub = StubWriter.Write(args[0], args[2], args[3], references);
    File.WriteAllBytes(args[1], stub.Image);
    File.WriteAllLines(Path.ChangeExtension(args[1], ".keeps"), stub.Keeps);
    return 0;
}
catch (StubException error)
{
    // The form that MSBuild turns into errors of the project.
    foreach (var (code, message) in error.Errors)
    {
        Console.Error.WriteLine($"{args[0]} : error {code}: {message}");
    }

    return 1;
}
