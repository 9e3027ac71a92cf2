using System.Text;
using System.Text.Json;
using Abi.Cli.CommandLine;
using Abi.Database;
using Abi.Testing;

namespace Abi.Cli.Tests.Databases;

[Parallelizable]
public sealed class DatabaseCommandTests
{
    private const string Notes = """
        {"Key":"a","text":"The cat sat on the mat.","topic":"cats","stars":4,"vector":[1,0,0]}
        {"Key":"b","text":"Dogs bark at night.","topic":"dogs","stars":2,"vector":[0,1,0]}
        {"Key":"c","text":"A kitten is a young cat.","topic":"cats","stars":5,"vector":[0.9,0.1,0]}

        """;

    [Test]
    public async Task ADatabaseIsMadeFilledSearchedAndEmptied()
    {
        using var folder = new TemporaryFolder();
        var path = folder["n.abi"];
        await CreateAsync(folder, path);
        var info = (await CliRun.SucceedAsync("db", "info", path, "--json")).Json;
        var collection = info.GetProperty("collections")[0];
        Assert.That((collection.GetProperty("name").GetString(), collection.GetProperty("records").GetInt32(), collection.GetProperty("vectors")[0].GetProperty("dimensions").GetInt32()), Is.EqualTo(("notes", 3, 3)));
        Assert.That((await CliRun.SucceedAsync("db", "info", path)).Output, Does.Contain("notes: 3 records").And.Contain("stars            integer, indexed").And.Contain("3 × f32, cosine, auto"));

        Assert.That(Keys(await CliRun.SucceedAsync("db", "search", path, "notes", "--vector", "1,0,0", "--json")), Is.EqualTo(new[] { "a", "c", "b" }));
        Assert.That(Keys(await CliRun.SucceedAsync("db", "search", path, "notes", "--like", "b", "-k", "1", "--json")), Is.EqualTo(new[] { "b" }));
        Assert.That(Keys(await CliRun.SucceedAsync("db", "search", path, "notes", "--text", "cat", "--filter", "stars > 4", "--json")), Is.EqualTo(new[] { "c" }));
        Assert.That(Keys(await CliRun.SucceedAsync("db", "search", path, "notes", "--text", "\"young cat\" dog*", "--json")), Is.EquivalentTo(new[] { "b", "c" }));
        Assert.That((await CliRun.SucceedAsync("db", "search", path, "notes", "--text", "+cat -kitten", "--highlight")).Lines[1], Is.EqualTo("  text: The [cat] sat on the mat."));
        var highlight = (await CliRun.SucceedAsync("db", "search", path, "notes", "--text", "bark", "--highlight", "--json")).Json.GetProperty("results")[0].GetProperty("highlights").GetProperty("text")[0];
        Assert.That(highlight.GetRawText(), Is.EqualTo("""{"snippet":"Dogs bark at night.","start":0,"ranges":[[5,4]]}"""));
        var hybrid = (await CliRun.SucceedAsync("db", "search", path, "notes", "--vector", "[0, 1, 0]", "--text", "cat", "--json")).Json.GetProperty("results");
        Assert.That(hybrid.EnumerateArray().Select(hit => (hit.TryGetProperty("vector_score", out _), hit.TryGetProperty("text_score", out _))), Has.Member((true, true)).And.Member((true, false)));
        Assert.That((await CliRun.SucceedAsync("db", "search", path, "notes", "--vector", "1,0,0", "-k", "1")).Output, Does.StartWith("1.0000 {\"Key\":\"a\""));

        Assert.That((await CliRun.SucceedAsync("db", "get", path, "notes", "b")).Lines, Is.EqualTo(new[] { Notes.Split('\n')[1] }));
        Assert.That((await CliRun.SucceedAsync("db", "get", path, "notes", "b", "--no-vectors")).Json.TryGetProperty("vector", out _), Is.False);
        await CliRun.SucceedAsync("db", "add", path, "notes", """{"Key":"b","topic":"birds"}""");
        Assert.That((await CliRun.SucceedAsync("db", "get", path, "notes", "b")).Output, Is.EqualTo("{\"Key\":\"b\",\"topic\":\"birds\"}\n"));
        Assert.That((await CliRun.SucceedAsync("db", "delete", path, "notes", "b", "--json")).Json.GetProperty("records").GetInt32(), Is.EqualTo(1));
        Assert.That((await CliRun.SucceedAsync("db", "delete", path, "notes", "b")).Error, Is.EqualTo("0 records deleted.\n"));
        Assert.That((await CliRun.SucceedAsync("db", "delete", path, "notes", "--filter", "topic = 'cats' and stars = 5")).Error, Is.EqualTo("1 records deleted.\n"));
        Assert.That((await CliRun.SucceedAsync("db", "export", path, "notes", "-")).Lines, Is.EqualTo(new[] { Notes.Split('\n')[0] }));
        await CliRun.SucceedAsync("db", "delete", path, "notes", "--collection");
        Assert.That((await CliRun.SucceedAsync("db", "info", path, "--json")).Json.GetProperty("collections").GetArrayLength(), Is.Zero);
    }

    /// <summary>Vectors and keys are two files, and neither takes the place of a device.</summary>
    [Test]
    public async Task KeysThatAreExportedTakeNothingsPlace()
    {
        using var folder = new TemporaryFolder();
        await CreateAsync(folder, folder["n.abi"]);
        Assert.That((await CliRun.FailAsync(ExitCode.Usage, "db", "export", folder["n.abi"], "notes", folder["v.npy"], "--keys", folder["v.npy"])).Error, Does.Contain("would be lost"));
        Assert.That(File.Exists(folder["v.npy"]), Is.False);
        if (!OperatingSystem.IsWindows())
        {
            Assert.That((await CliRun.FailAsync(ExitCode.Usage, "db", "export", folder["n.abi"], "notes", folder["v.npy"], "--keys", "/dev/abi-test-device")).Error, Does.Contain("is a device"));
        }
    }

    [Test]
    public async Task AScoreThatIsNoNumberOfJsonIsAText()
    {
        using var folder = new TemporaryFolder();
        await CliRun.SucceedAsync("db", "create", folder["s.abi"], "c", "-d", "2", "--distance", "l2");
        await CliRun.SucceedAsync("db", "add", folder["s.abi"], "c", """{"Key":"a","vector":[3e38,0]}""");
        var hit = (await CliRun.SucceedAsync("db", "search", folder["s.abi"], "c", "--vector", "0,0", "--json")).Json.GetProperty("results")[0];
        Assert.That((hit.GetProperty("score").GetString(), hit.GetProperty("record").GetProperty("Key").GetString()), Is.EqualTo(("Infinity", "a")));
    }

    /// <summary>Made up or edited: never an error of the tool's own.</summary>
    [TestCase("""{"data":[null]}""", "null in place of a field")]
    [TestCase("""{"vectors":[null]}""", "null in place of a field")]
    [TestCase("""{"vectorz":[]}""", "vectorz")]
    [TestCase("""{"data":[{"name":"a","kind":"text","indexd":true}]}""", "indexd")]
    [TestCase("""{"time_to_live_seconds":-1e300}""", "longer than nothing")]
    [TestCase("""{"time_to_live_seconds":1e300}""", "")]
    public async Task ADefinitionIsTakenOrRefused(string definition, string message)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["c.json"], definition);
        var run = await CliRun.RunAsync("db", "create", folder["d.abi"], "c", "--definition", folder["c.json"]);
        Assert.That(run.Error, Does.Contain(message).And.Not.Contain("internal error"));
        Assert.That(run.Code == ExitCode.Success, Is.EqualTo(message.Length == 0));
        if (message.Length == 0)
        {
            File.WriteAllText(folder["again.json"], (await CliRun.SucceedAsync("db", "info", folder["d.abi"], "c", "--json")).Output);
            await CliRun.SucceedAsync("db", "create", folder["e.abi"], "c", "--definition", folder["again.json"]);
        }
    }

    [Test]
    public async Task AnEncryptedDatabaseNeedsItsKeyWhichIsInAFile()
    {
        using var folder = new TemporaryFolder();
        var (plain, path, first, second) = (folder["p.abi"], folder["e.abi"], folder["first.key"], folder["second.txt"]);
        File.WriteAllText(first, new string('5', 64) + "\n");
        File.WriteAllText(second, "correct horse\n");
        await CreateAsync(folder, plain);
        await CliRun.SucceedAsync("db", "backup", plain, folder["backup"]);
        await CliRun.SucceedAsync("db", "restore", folder["backup"], path, "--key-file", first);
        Assert.That((await CliRun.SucceedAsync("db", "export", path, "notes", "-", "--key-file", first)).Output, Is.EqualTo(Notes));
        Assert.That((await CliRun.RunAsync("db", "info", path)).Error, Does.Contain("is encrypted"));
        Assert.That((await CliRun.RunAsync("db", "info", path, "--passphrase-file", second)).Error, Does.Contain("with a key"));
        Assert.That((await CliRun.RunAsync("db", "info", path, "--key-file", second)).Error, Does.Contain("holds no key"));
        Assert.That((await CliRun.RunAsync("db", "info", path, "--key-file", folder["none"])).Error, Does.Contain("cannot be read"));
        Assert.That((await CliRun.RunAsync("db", "info", path, "--key-file", first, "--passphrase-file", second)).Code, Is.EqualTo(ExitCode.Usage));
        Assert.That((await CliRun.RunAsync("db", "info", plain, "--key-file", first)).Error, Does.Contain("not encrypted"));
        Assert.That((await CliRun.SucceedAsync("db", "verify", path)).Output, Does.Contain("sound (encrypted, checked without its key)"));

        Assert.That((await CliRun.RunAsync("db", "change-key", path, "--key-file", first)).Code, Is.EqualTo(ExitCode.Usage));
        await CliRun.SucceedAsync("db", "change-key", path, "--key-file", first, "--new-passphrase-file", second);
        Assert.That((await CliRun.SucceedAsync("db", "verify", path, "--passphrase-file", second)).Output, Does.Contain("e.abi: sound, "));
        Assert.That((await CliRun.RunAsync("db", "info", path, "--key-file", first)).Error, Does.Contain("with a passphrase"));
        await CliRun.SucceedAsync("db", "create", folder["new.abi"], "notes", "--key-file", first);
        Assert.That((await CliRun.RunAsync("db", "stats", folder["new.abi"])).Error, Does.Contain("is encrypted"));
    }

    [Test]
    public async Task ADatabaseIsBackedUpRestoredCheckedAndCompacted()
    {
        using var folder = new TemporaryFolder();
        var path = folder["n.abi"];
        await CreateAsync(folder, path);
        await CliRun.SucceedAsync("db", "delete", path, "notes", "a");
        var backup = (await CliRun.SucceedAsync("db", "backup", path, folder["backup"], "--json")).Json;
        Assert.That((backup.GetProperty("incremental").GetBoolean(), backup.GetProperty("sequence").GetInt64()), Is.EqualTo((false, 3)));
        await CliRun.SucceedAsync("db", "restore", folder["backup"], folder["last.abi"]);
        await CliRun.SucceedAsync("db", "restore", folder["backup"], folder["before.abi"], "--sequence", "2");
        Assert.That((await CliRun.SucceedAsync("db", "export", folder["last.abi"], "notes", "-")).Lines, Has.Length.EqualTo(2));
        Assert.That((await CliRun.SucceedAsync("db", "export", folder["before.abi"], "notes", "-")).Output, Is.EqualTo(Notes));
        await CliRun.SucceedAsync("db", "compact", path);
        Assert.That((await CliRun.SucceedAsync("db", "export", path, "notes", "-")).Lines, Has.Length.EqualTo(2));
        var stats = (await CliRun.SucceedAsync("db", "stats", path, "--json")).Json;
        Assert.That(stats.GetProperty("bytes").GetInt64(), Is.EqualTo(stats.GetProperty("files").EnumerateArray().Sum(file => file.GetProperty("bytes").GetInt64())));
        Assert.That(stats.GetProperty("collections")[0].GetProperty("vectors")[0].GetProperty("index").GetString(), Is.EqualTo("flat"));
        Assert.That((await CliRun.SucceedAsync("db", "stats", path)).Output, Does.Contain("abi.manifest").And.Contain("notes: 2 records"));

        Assert.That((await CliRun.SucceedAsync("db", "verify", path)).Output, Does.Contain("sound"));
        var rows = Directory.GetFiles(path, "rows-*").Single();
        var bytes = File.ReadAllBytes(rows);
        bytes[bytes.Length / 2] ^= 1;
        File.WriteAllBytes(rows, bytes);
        var run = await CliRun.RunAsync("db", "verify", path, "--json");
        Assert.That((run.Code, run.Json.GetProperty("sound").GetBoolean(), run.Json.GetProperty("problems").GetArrayLength()), Is.EqualTo((ExitCode.Failed, false, 1)));
        Assert.That((await CliRun.RunAsync("db", "verify", path)).Output, Does.Contain("damaged").And.Contain(Path.GetFileName(rows)));
    }

    [Test]
    public async Task OlderBackupsAreKeptAsLongAsIsSaid()
    {
        using var folder = new TemporaryFolder();
        var path = folder["n.abi"];
        await CreateAsync(folder, path);
        for (var i = 0; i < 4; i++)
        {
            var report = (await CliRun.SucceedAsync("db", "backup", path, folder["backups"], "--full", "--keep", "2", "--json")).Json;
            Assert.That((report.GetProperty("incremental").GetBoolean(), report.GetProperty("deleted_chains").GetInt32()), Is.EqualTo((false, i < 2 ? 0 : 1)));
        }

        Assert.That((await CliRun.SucceedAsync("db", "backup", path, folder["backups"], "--full", "--keep-days", "1")).Error, Does.Not.Contain("deleted"));
        Assert.That((await CliRun.SucceedAsync("db", "backup", path, folder["backups"], "--full")).Error, Does.Contain("3 earlier deleted"));
        Assert.That((await CliRun.SucceedAsync("db", "verify", folder["backups"], "--json")).Json.GetProperty("sound").GetBoolean());
        await CliRun.FailAsync(ExitCode.Usage, "db", "backup", path, folder["backups"], "--keep", "0");
        await CliRun.FailAsync(ExitCode.Usage, "db", "backup", path, "--output", folder["stream"], "--keep", "1");
        await CliRun.FailAsync(ExitCode.Usage, "db", "backup", path, "--output", folder["stream"], "--full");
    }

    [Test]
    public async Task AStreamIsABackupToo()
    {
        using var folder = new TemporaryFolder();
        var path = folder["n.abi"];
        await CreateAsync(folder, path);
        var first = (await CliRun.SucceedAsync("db", "backup", path, "--output", folder["full"], "--json")).Json;
        Assert.That((first.GetProperty("incremental").GetBoolean(), first.GetProperty("sequence").GetInt64(), first.GetProperty("backup").GetString()), Is.EqualTo((false, 2, folder["full"])));
        await CliRun.SucceedAsync("db", "delete", path, "notes", "a");
        var piped = await CliRun.SucceedAsync("db", "backup", path, "-o", "-", "--after", "2");
        Assert.That(piped.Error, Does.Contain("what came since the last backup").And.Contain("up to commit 3"));

        byte[] all = [.. File.ReadAllBytes(folder["full"]), .. piped.OutputBytes];
        Assert.That((await CliRun.RunAsync(all, default, "db", "restore", "-", folder["last.abi"])).Code, Is.Zero);
        await CliRun.SucceedAsync("db", "restore", folder["full"], folder["before.abi"]);
        Assert.That((await CliRun.SucceedAsync("db", "export", folder["last.abi"], "notes", "-")).Lines, Has.Length.EqualTo(2));
        Assert.That((await CliRun.SucceedAsync("db", "export", folder["before.abi"], "notes", "-")).Output, Is.EqualTo(Notes));

        File.WriteAllBytes(folder["cut"], all[..^9]);
        Assert.That((await CliRun.FailAsync(ExitCode.Failed, "db", "restore", folder["cut"], folder["cut.abi"])).Error, Does.Contain("cut off"));
        Assert.That((await CliRun.FailAsync(ExitCode.Failed, "db", "restore", folder["nothing"], folder["cut.abi"])).Error, Does.Contain("There is no backup"));
        Assert.That(Directory.Exists(folder["cut.abi"]), Is.False);
        await CliRun.FailAsync(ExitCode.Failed, "db", "backup", path, "--output", folder["full"], "--after", "7");
        Assert.That(File.ReadAllBytes(folder["full"]), Is.EqualTo(all[..^piped.OutputBytes.Length]), "a backup that fails replaces none");
        await CliRun.FailAsync(ExitCode.Usage, "db", "backup", path);
        await CliRun.FailAsync(ExitCode.Usage, "db", "backup", path, folder["to"], "--output", "-");
        await CliRun.FailAsync(ExitCode.Usage, "db", "backup", path, folder["to"], "--after", "1");
        await CliRun.FailAsync(ExitCode.Usage, "db", "backup", path, "--output", "-", "--json");
    }

    /// <summary>A program has the database open, writes on and archives its log.</summary>
    [Test]
    public async Task ADatabaseThatIsWrittenToIsBackedUpAndItsArchiveRestored()
    {
        using var folder = new TemporaryFolder();
        var path = folder["n.abi"];
        await CreateAsync(folder, path);
        Directory.CreateDirectory(folder["archive"]);
        await using (var database = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = path, LogArchive = folder["archive"] }))
        {
            var notes = database.GetDynamicCollection("notes");
            await notes.DeleteAsync("a");
            Assert.That((await CliRun.SucceedAsync("db", "backup", path, folder["backup"], "--json")).Json.GetProperty("sequence").GetInt64(), Is.EqualTo(3));
            await notes.DeleteAsync("b");
            Assert.That((await CliRun.SucceedAsync("db", "backup", path, folder["backup"], "--json")).Json.GetProperty("incremental").GetBoolean());
            await notes.DeleteAsync("c");
            await database.ArchiveLogAsync();
        }

        await CliRun.SucceedAsync("db", "restore", folder["backup"], folder["at backup.abi"]);
        await CliRun.SucceedAsync("db", "restore", folder["backup"], folder["last.abi"], "--archive", folder["archive"]);
        Assert.That((await CliRun.SucceedAsync("db", "export", folder["at backup.abi"], "notes", "-")).Lines, Has.Length.EqualTo(1));
        Assert.That((await CliRun.SucceedAsync("db", "export", folder["last.abi"], "notes", "-")).Lines, Is.Empty);
    }

    [Test]
    public async Task VectorsComeFromFilesAndAreMeasured()
    {
        using var folder = new TemporaryFolder();
        var (path, queries) = (folder["w.abi"], Fixtures.Path("vectors", "words100", "queries.f32.npy"));
        await CliRun.SucceedAsync("db", "create", path, "words", "-d", "100", "--key", "integer", "--distance", "l2", "--index", "hnsw");
        Assert.That((await CliRun.SucceedAsync("db", "import", path, "words", queries, "--first-key", "5", "--wait", "--json")).Json.GetProperty("records").GetInt32(), Is.EqualTo(1000));
        await CliRun.SucceedAsync("db", "export", path, "words", folder["w.npy"], "--keys", folder["keys"]);
        Assert.That(NpyFile.Read<float>(folder["w.npy"]).Values, Is.EqualTo(NpyFile.Read<float>(queries).Values));
        Assert.That(File.ReadLines(folder["keys"]).First(), Is.EqualTo("5"));
        var rows = (await CliRun.SucceedAsync("db", "bench", path, "words", "--queries", queries, "-n", "50", "--ef", "10,200", "--json")).Json.EnumerateArray().ToList();
        Assert.That(rows.Select(row => row.GetProperty("search").GetString()), Is.EqualTo(new[] { "exact", "ef 10", "ef 200" }));
        Assert.That(rows[2].GetProperty("recall").GetDouble(), Is.GreaterThan(0.98).And.LessThanOrEqualTo(1));
        Assert.That(rows.Select(row => row.GetProperty("queries_per_second").GetDouble()), Is.All.Positive);
        Assert.That((await CliRun.SucceedAsync("db", "bench", path, "words", "-n", "20")).Output, Does.StartWith("| search | queries |").And.Contain("| ef 16 | 20 |"));
    }

    [Test]
    public async Task TextsAreEmbeddedByAModel()
    {
        using var folder = new TemporaryFolder();
        var path = folder["n.abi"];
        await CliRun.SucceedAsync("db", "create", path, "notes", "-d", "256", "--source", "text", "--field", "text:text,text");
        string[] embedding = ["-m", "stories", "--pooling", "mean"];
        var run = await CliRun.RunAsync(Encoding.UTF8.GetBytes("{\"Key\":\"x\",\"text\":\"Mom baked a sweet cake.\"}\n{\"Key\":\"y\",\"text\":\"The dog ran after the ball.\"}"), default, ["db", "import", path, "notes", "-", .. embedding]);
        Assert.That(run.Code, Is.Zero, run.Error);
        Assert.That(Keys(await CliRun.SucceedAsync(["db", "search", path, "notes", "-q", "They ate cookies and milk.", "--json", .. embedding])), Is.EqualTo(new[] { "x", "y" }));
        Assert.That((await CliRun.FailAsync(ExitCode.Failed, "db", "add", path, "notes", """{"Key":"z","text":"a"}""")).Error, Does.Contain("no embedding generator").And.Contain("-m"));
        Assert.That((await CliRun.FailAsync(ExitCode.Usage, "db", "search", path, "notes", "-q", "a")).Error, Does.Contain("--model"));
    }

    [Test]
    public async Task ADefinitionGoesFromOneDatabaseToAnother()
    {
        using var folder = new TemporaryFolder();
        await CliRun.SucceedAsync(
            "db", "create", folder["a.abi"], "c", "-d", "12", "--element", "binary", "--key", "guid", "--key-name", "id", "--ttl", "3600", "--field", "words:text,text,boost=2.5,stemming=english", "--field", "at:date,indexed", "--field", "a:b:textarray");
        var json = (await CliRun.SucceedAsync("db", "info", folder["a.abi"], "c", "--json")).Output;
        File.WriteAllText(folder["c.json"], json);
        await CliRun.SucceedAsync("db", "create", folder["b.abi"], "c", "--definition", folder["c.json"]);
        Assert.That((await CliRun.SucceedAsync("db", "info", folder["b.abi"], "c", "--json")).Output, Is.EqualTo(json).And.Contain("\"distance\":\"hamming\"").And.Contain("\"boost\":2.5,\"stemming\":\"english\"").And.Contain("\"name\":\"a:b\""));
        File.WriteAllText(folder["d.json"], "{\"name\":1}");
        Assert.That((await CliRun.FailAsync(ExitCode.Failed, "db", "create", folder["b.abi"], "d", "--definition", folder["d.json"])).Error, Does.Contain("no definition"));
    }

    /// <summary>Two that write one file: the second is told so, and leaves what the first has written so far. What one left that was killed is in nobody's way.</summary>
    [Test]
    public async Task ABackupIntoAFileLeavesThatOfAnotherAlone()
    {
        using var folder = new TemporaryFolder();
        var (path, output) = (folder["n.abi"], folder["n.backup"]);
        await CliRun.SucceedAsync("db", "create", path, "notes");
        var other = $"{output}.partial";
        using (var stream = new FileStream(other, FileMode.Create, FileAccess.Write, FileShare.None))
        {
            stream.Write("half of a backup"u8);
            stream.Flush();
            Assert.That((await CliRun.FailAsync(ExitCode.Failed, "db", "backup", path, "--output", output)).Error, Does.Contain($"'{output}' cannot be written"));
            Assert.That(new FileInfo(other).Length, Is.EqualTo(16));
        }

        await CliRun.SucceedAsync("db", "backup", path, "--output", output);
        Assert.That(File.Exists(other), Is.False);
        await CliRun.SucceedAsync("db", "restore", output, folder["restored.abi"]);
    }

    [Test]
    public async Task WhatIsWrongIsSaid()
    {
        using var folder = new TemporaryFolder();
        var path = folder["n.abi"];
        Assert.That((await CliRun.FailAsync(ExitCode.Failed, "db", "import", path, "notes", "x.jsonl")).Error, Does.Contain("no database at").And.Contain("db create"));
        Assert.That((await CliRun.FailAsync(ExitCode.Failed, "db", "info", path)).Error, Does.Contain("no database at").And.Contain("`abi db create` makes one"));

        // a folder of something else stays what it is
        Directory.CreateDirectory(folder["photos"]);
        Assert.That((await CliRun.FailAsync(ExitCode.Failed, "db", "compact", folder["photos"])).Error, Does.Contain("no database at"));
        Assert.That((await CliRun.FailAsync(ExitCode.Failed, "db", "add", folder["photos"], "notes", "{}")).Error, Does.Contain("no database at"));
        Assert.That(Directory.GetFiles(folder["photos"]), Is.Empty);

        // a variable of a script that is not set
        Assert.That((await CliRun.FailAsync(ExitCode.Usage, "db", "info", "")).Error, Does.Contain("PATH is empty"));

        // options that would say nothing
        (string Option, string[] Search)[] useless =
        [
            ("--model", ["--text", "cat", "-m", "stories"]), ("--model", ["--vector", "1,2,3", "-m", "stories"]), ("--pooling", ["--text", "cat", "--pooling", "mean"]), ("--vector-field", ["--text", "cat", "--vector-field", "v"]),
            ("--ef", ["--text", "cat", "--ef", "9"]), ("--exact", ["--text", "cat", "--vector", "1,2,3", "--exact"]), ("--recall", ["--text", "cat", "--like", "a", "--recall", "0.9"]), ("--highlight", ["--vector", "1,2,3", "--highlight"]),
        ];
        foreach (var (option, search) in useless)
        {
            Assert.That((await CliRun.FailAsync(ExitCode.Usage, ["db", "search", path, "notes", .. search])).Error, Does.StartWith($"abi: '{option}' "));
        }

        Assert.That((await CliRun.FailAsync(ExitCode.Usage, "db", "add", path, "notes", "{}", "--pooling", "mean")).Error, Does.Contain("'--pooling'").And.Contain("--model"));
        Assert.That((await CliRun.FailAsync(ExitCode.Usage, "db", "create", path, "-d", "3")).Error, Does.Contain("'--dimensions'").And.Contain("COLLECTION is missing"));
        Assert.That((await CliRun.FailAsync(ExitCode.Usage, "db", "create", path, "c", "--definition", "x.json", "--field", "a:text")).Error, Does.Contain("'--field' does not go together"));
        Assert.That(Directory.Exists(path), Is.False);
        Assert.That((await CliRun.FailAsync(ExitCode.Usage, "db", "export", path, "notes", "-", "--format", "npy")).Error, Does.Contain("JSON lines"));
        Assert.That((await CliRun.FailAsync(ExitCode.Usage, "db", "export", path, "notes", "-", "--keys", "k")).Error, Does.Contain("JSON lines"));
        Assert.That((await CliRun.FailAsync(ExitCode.Usage, "db", "import", path, "notes", "-", "--format", "fvecs")).Error, Does.Contain("JSON lines"));
        await CreateAsync(folder, path);
        Assert.That((await CliRun.FailAsync(ExitCode.Failed, "db", "create", path, "notes")).Error, Does.Contain("has a collection 'notes' already"));
        Assert.That((await CliRun.FailAsync(ExitCode.Failed, "db", "get", path, "nots", "a")).Error, Does.Contain("It has: notes."));
        Assert.That((await CliRun.FailAsync(ExitCode.Failed, "db", "get", path, "notes", "x")).Error, Does.Contain("no record with the key 'x'"));
        Assert.That((await CliRun.FailAsync(ExitCode.Usage, "db", "search", path, "notes")).Error, Does.Contain("--vector"));
        Assert.That((await CliRun.FailAsync(ExitCode.Usage, "db", "search", path, "notes", "--vector", "1", "--like", "a")).Error, Does.Contain("one of"));
        Assert.That((await CliRun.FailAsync(ExitCode.Failed, "db", "search", path, "notes", "--vector", "1,2")).Error, Does.Contain("2 elements; 3 were expected"));
        Assert.That((await CliRun.FailAsync(ExitCode.Usage, "db", "delete", path, "notes")).Error, Does.Contain("KEY, --filter and --collection"));
        Assert.That((await CliRun.FailAsync(ExitCode.Failed, "db", "add", path, "notes", "{}")).Error, Does.Contain("no key"));
        Assert.That((await CliRun.FailAsync(ExitCode.Usage, "db", "create", path, "d", "--field", "x")).Error, Does.Contain("NAME:KIND"));
        Assert.That((await CliRun.FailAsync(ExitCode.Usage, "db", "create", path, "d", "--field", "x:words")).Error, Does.Contain("boolean, integer, number"));
        Assert.That((await CliRun.FailAsync(ExitCode.Usage, "db", "create", path, "d", "--field", "x:text,stemming=latin")).Error, Does.Contain("none, english"));
        Assert.That((await CliRun.FailAsync(ExitCode.Usage, "db", "create", path, "d", "--quantized")).Error, Does.Contain("--dimensions"));
        File.WriteAllText(folder["bad.jsonl"], "{\"Key\":\"q\"}\n{\"Key\":7}\n");
        Assert.That((await CliRun.FailAsync(ExitCode.Failed, "db", "import", path, "notes", folder["bad.jsonl"])).Error, Does.Contain("bad.jsonl, line 2"));
        Assert.That((await CliRun.FailAsync(ExitCode.Failed, "db", "restore", path, path)).Error, Does.Contain("not empty"));
        Assert.That((await CliRun.FailAsync(ExitCode.Failed, "db", "import", path, "notes", folder["no.jsonl"])).Error, Does.Contain("no.jsonl"));
    }

    private static async Task CreateAsync(TemporaryFolder folder, string path)
    {
        await CliRun.SucceedAsync("db", "create", path, "notes", "-d", "3", "--field", "text:text,text", "--field", "topic:text,indexed", "--field", "stars:integer,indexed");
        File.WriteAllText(folder["notes.jsonl"], Notes);
        await CliRun.SucceedAsync("db", "import", path, "notes", folder["notes.jsonl"]);
    }

    private static IEnumerable<string?> Keys(CliRun run) => run.Json.GetProperty("results").EnumerateArray().Select(hit => hit.GetProperty("record").GetProperty("Key").GetString());
}
