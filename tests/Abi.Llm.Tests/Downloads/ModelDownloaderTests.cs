using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using Abi.Llm.Downloads;
using Abi.Testing;

namespace Abi.Llm.Tests.Downloads;

/// <summary>Downloads from a server on this machine that breaks off, lies, redirects and refuses.</summary>
public sealed class ModelDownloaderTests
{
    private static readonly byte[] File1 = Bytes(1, 700_001);
    private static readonly string Sha1 = Convert.ToHexStringLower(SHA256.HashData(File1));

    private string _folder = null!;

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("abi-downloads-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public async Task AnAddressIsDownloadedWhole()
    {
        await using var server = new LocalServer(request => LocalResponse.OfFile(request, File1));
        var reports = new List<DownloadProgress>();
        using var downloader = Downloader(server);
        var model = await downloader.DownloadAsync(ModelReference.Parse($"{server.Address}models/a%20b.gguf?download=true"), _folder, new Reports(reports));
        Assert.That(model.Path, Is.EqualTo(Path.Combine(_folder, "a b.gguf")));
        Assert.That(File.ReadAllBytes(model.Path), Is.EqualTo(File1));
        Assert.That(model.Files.Single(), Is.EqualTo(new DownloadedFile(model.Path, new Uri($"{server.Address}models/a%20b.gguf?download=true"), File1.Length, null, WasPresent: false)));
        Assert.That(reports[^1], Has.Property(nameof(DownloadProgress.BytesDone)).EqualTo(File1.Length).And.Property(nameof(DownloadProgress.ByteCount)).EqualTo(File1.Length));
        Assert.That(Left(), Is.EqualTo(new[] { "a b.gguf" }));
    }

    [Test]
    public async Task ABrokenConnectionGoesOnWhereItStopped()
    {
        var attempts = 0;
        await using var server = new LocalServer(request => LocalResponse.OfFile(request, File1) with { BreakAfter = ++attempts < 4 ? 200_000 : int.MaxValue });
        using var downloader = Downloader(server);
        var model = await downloader.DownloadAsync(ModelReference.Parse($"{server.Address}m.gguf"), _folder);
        Assert.That(File.ReadAllBytes(model.Path), Is.EqualTo(File1));
        var starts = server.Requests.Select(request => request.RangeStart).ToList();
        Assert.That(starts, Has.Count.EqualTo(4));
        Assert.That(starts, Is.Ordered.Ascending.And.All.LessThanOrEqualTo(600_000));
        Assert.That(starts[1], Is.GreaterThan(0), "bytes that came before the break are not asked for again");
        Assert.That(server.Requests.Skip(1).All(request => request.Headers["If-Range"] == "\"1\""));
    }

    [Test]
    public async Task ALaterCallGoesOnWhereAnEarlierOneStopped()
    {
        var broken = true;
        await using var server = new LocalServer(request => LocalResponse.OfFile(request, File1) with { BreakAfter = broken ? 300_000 : int.MaxValue, Stalls = broken });
        using var downloader = Downloader(server);
        using var stop = new CancellationTokenSource();
        var progress = new Reports([], report =>
        {
            if (report.BytesDone >= 300_000)
            {
                stop.Cancel();
            }
        });
        Assert.That(async () => await downloader.DownloadAsync(ModelReference.Parse($"{server.Address}m.gguf"), _folder, progress, stop.Token), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(File.Exists(Path.Combine(_folder, "m.gguf")), Is.False, "half a file has not its name");

        broken = false;
        using var later = Downloader(server);
        var model = await later.DownloadAsync(ModelReference.Parse($"{server.Address}m.gguf"), _folder);
        Assert.That(File.ReadAllBytes(model.Path), Is.EqualTo(File1));
        Assert.That(server.Requests.Last().RangeStart, Is.EqualTo(300_000));
    }

    [Test]
    public async Task AFileThatChangedMeanwhileBeginsAnew()
    {
        var other = Bytes(2, File1.Length);
        var first = true;
        await using var server = new LocalServer(request =>
        {
            var isFirst = first;
            first = false;
            return isFirst ? LocalResponse.OfFile(request, File1, "\"1\"") with { BreakAfter = 300_000 } : LocalResponse.OfFile(request, other, "\"2\"");
        });
        using var downloader = Downloader(server);
        var model = await downloader.DownloadAsync(ModelReference.Parse($"{server.Address}m.gguf"), _folder);
        Assert.That(File.ReadAllBytes(model.Path), Is.EqualTo(other));
    }

    /// <summary>Not every server looks at If-Range: what it sends then must not be put behind bytes of another file.</summary>
    [TestCase("\"2\"", 0)]
    [TestCase(null, 50_000)]
    [TestCase(null, 0)]
    public async Task TheRestOfAnotherFileIsNotTaken(string? tag, int longer)
    {
        var other = Bytes(2, File1.Length + longer);
        var first = true;
        await using var server = new LocalServer(request =>
        {
            request = request with { Headers = request.Headers.Where(header => header.Key != "If-Range").ToDictionary(StringComparer.OrdinalIgnoreCase) };
            var isFirst = first;
            first = false;
            return isFirst ? LocalResponse.OfFile(request, File1, tag is null ? null : "\"1\"") with { BreakAfter = 300_000 } : LocalResponse.OfFile(request, other, tag);
        });
        using var downloader = Downloader(server);
        var model = await downloader.DownloadAsync(ModelReference.Parse($"{server.Address}m.gguf"), _folder);
        Assert.That(File.ReadAllBytes(model.Path), Is.EqualTo(other));
    }

    /// <summary>A server that was asked with If-Range need not repeat what it was asked by: it says that the file is the same one by answering with a part.</summary>
    [Test]
    public async Task ARestThatRepeatsNoTagIsTaken()
    {
        var first = true;
        await using var server = new LocalServer(request =>
        {
            var response = LocalResponse.OfFile(request, File1);
            var isFirst = first;
            first = false;
            return isFirst ? response with { BreakAfter = 300_000 } : response with { Headers = [.. response.Headers.Where(header => header.Name != "ETag")] };
        });
        using var downloader = Downloader(server);
        var model = await downloader.DownloadAsync(ModelReference.Parse($"{server.Address}m.gguf"), _folder);
        Assert.That(File.ReadAllBytes(model.Path), Is.EqualTo(File1));
        Assert.That(server.Requests.Last().RangeStart, Is.GreaterThan(0));
        Assert.That(server.Requests, Has.Count.EqualTo(2), "and nothing is asked for again");
    }

    /// <summary>Another download of the same file, here of a newer version, neither throws away what this one writes nor has its own half taken for the whole.</summary>
    [Test]
    public async Task WhatOneDownloadWritesAnotherLeavesAlone()
    {
        var other = Bytes(2, File1.Length);
        using var gate = new SemaphoreSlim(0);
        var isWriting = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var server = new LocalServer(request => LocalResponse.OfFile(request, File1));
        using var downloader = new ModelDownloader(new ModelDownloaderOptions { Endpoint = server.Address })
        {
            OpenFile = (path, mode) => new SlowDisk(path, mode, 300_000, isWriting, gate),
        };
        var running = downloader.DownloadAsync(ModelReference.Parse($"{server.Address}m.gguf"), _folder);
        await isWriting.Task.WaitAsync(TimeSpan.FromSeconds(30));

        // one that ignores If-Range, and answers with the rest of what it has
        await using var newer = new LocalServer(request => LocalResponse.OfFile(
            request with { Headers = request.Headers.Where(header => header.Key != "If-Range").ToDictionary(StringComparer.OrdinalIgnoreCase) }, other, "\"2\""));
        using var second = Downloader(newer);
        Assert.That(
            async () => await second.DownloadAsync(ModelReference.Parse($"{newer.Address}m.gguf"), _folder),
            Throws.TypeOf<DownloadException>().With.Message.Contains("another download of the same file"));
        gate.Release();
        Assert.That(File.ReadAllBytes((await running).Path), Is.EqualTo(File1));
        Assert.That(Left(), Is.EqualTo(new[] { "m.gguf" }));
    }

    /// <summary>What has all its bytes but is not on the disk yet is still the first download's.</summary>
    [Test]
    public async Task TheEndOfADownloadIsNotTakenByAnother()
    {
        using var gate = new SemaphoreSlim(0);
        var isWriting = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var server = Hub(("m-Q8_0.gguf", File1, null));
        using var downloader = new ModelDownloader(new ModelDownloaderOptions { Endpoint = server.Address })
        {
            OpenFile = (path, mode) => new SlowDisk(path, mode, File1.Length, isWriting, gate),
        };
        var running = downloader.DownloadAsync(ModelReference.Parse("owner/repo"), _folder);
        await isWriting.Task.WaitAsync(TimeSpan.FromSeconds(30));
        using var second = Downloader(server);
        Assert.That(async () => await second.DownloadAsync(ModelReference.Parse("owner/repo"), _folder), Throws.TypeOf<DownloadException>());
        Assert.That(File.Exists(Path.Combine(_folder, "m-Q8_0.gguf")), Is.False);
        gate.Release();
        Assert.That(File.ReadAllBytes((await running).Path), Is.EqualTo(File1));

        // those that find it whole do not hold each other up
        var again = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => second.DownloadAsync(ModelReference.Parse("owner/repo"), _folder)));
        Assert.That(again.SelectMany(model => model.Files).All(file => file.WasPresent));
    }

    /// <summary>Between the opening and the locking of what keeps others off, the download that had it may end, and a third one begin.</summary>
    [Test]
    public void OneAloneHoldsAFile()
    {
        var target = Path.Combine(_folder, "m.gguf");
        using var third = new PartialFile(target);
        using var second = new PartialFile(target)
        {
            Opened = () =>
            {
                File.Delete($"{target}.partial.lock");
                third.Hold();
            },
        };
        Assert.That(second.Hold, Throws.InstanceOf<IOException>());
        Assert.That(new PartialFile(target).Hold, Throws.InstanceOf<IOException>(), "nor is what keeps others off the third deleted");
        third.Dispose();
        Assert.That(Left(), Is.Empty);
        using var fourth = new PartialFile(target);
        fourth.Hold();
    }

    /// <summary>The note of a new version is not written while bytes of the old one are there: a process may end between the two.</summary>
    [Test]
    public async Task ANoteNeverSpeaksOfBytesOfAnotherFile()
    {
        var other = Bytes(2, File1.Length);
        var target = Path.Combine(_folder, "m.gguf");
        File.WriteAllBytes($"{target}.partial", File1[..300_000]);
        await using var server = new LocalServer(request => LocalResponse.OfFile(request, other, "\"2\""));
        new PartialFile(target).Write(new Uri($"{server.Address}m.gguf"), File1.Length, null, "\"1\"");
        using (var held = new ModelDownloader(new ModelDownloaderOptions { Endpoint = server.Address }) { OpenFile = (_, _) => throw new IOException("held by another process") })
        {
            Assert.That(async () => await held.DownloadAsync(ModelReference.Parse($"{server.Address}m.gguf"), _folder), Throws.TypeOf<DownloadException>().With.Message.Contains("held by another"));
        }

        using var downloader = Downloader(server);
        var model = await downloader.DownloadAsync(ModelReference.Parse($"{server.Address}m.gguf"), _folder);
        Assert.That(File.ReadAllBytes(model.Path), Is.EqualTo(other));
    }

    [Test]
    public async Task AFileIsOnTheDiskBeforeItHasItsName()
    {
        await using var server = new LocalServer(request => LocalResponse.OfFile(request, File1));
        var target = Path.Combine(_folder, "m.gguf");
        var flushed = false;
        using var downloader = new ModelDownloader(new ModelDownloaderOptions { Endpoint = server.Address })
        {
            OpenFile = (path, mode) => new FlushedDisk(path, mode, () => flushed = !File.Exists(target)),
        };
        await downloader.DownloadAsync(ModelReference.Parse($"{server.Address}m.gguf"), _folder);
        Assert.That(flushed, Is.True);
    }

    [Test]
    public async Task WhatHasNoRoomIsNotBegun()
    {
        await using var server = new LocalServer(request => LocalResponse.OfFile(request, File1) is var response && response.Headers is var headers
            ? response with { Headers = [.. headers, ("X-Linked-Size", "1000000000000000000")] } : response);
        using var downloader = Downloader(server);
        var error = Assert.ThrowsAsync<DownloadException>(() => downloader.DownloadAsync(ModelReference.Parse($"{server.Address}m.gguf"), _folder));
        Assert.That(error!.Message, Does.Contain("not enough room"));
        Assert.That(Left(), Is.Empty);
    }

    [Test]
    public async Task AServerThatDoesNotAnswerIsGivenUp()
    {
        await using var server = new LocalServer(request => new LocalResponse(200, []) { IsSilent = true });
        using var downloader = new ModelDownloader(new ModelDownloaderOptions { Endpoint = server.Address, RetryDelay = TimeSpan.FromMilliseconds(1), Retries = 1, StallTimeout = TimeSpan.FromMilliseconds(200) });
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        Assert.That(async () => await downloader.DownloadAsync(ModelReference.Parse($"{server.Address}m.gguf"), _folder, null, patience.Token), Throws.TypeOf<DownloadException>().With.Message.Contains("not answer"));
        Assert.That(async () => await downloader.ResolveAsync(ModelReference.Parse("owner/repo"), patience.Token), Throws.TypeOf<DownloadException>().With.Message.Contains("not answer"));
        Assert.That(server.Requests, Has.Count.EqualTo(4));
    }

    [Test]
    public async Task AListThatStallsIsGivenUp()
    {
        await using var server = new LocalServer(request => LocalResponse.OfText("[]") with { BreakAfter = 1, Stalls = true });
        using var downloader = new ModelDownloader(new ModelDownloaderOptions { Endpoint = server.Address, StallTimeout = TimeSpan.FromMilliseconds(200) });
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        Assert.That(async () => await downloader.ResolveAsync(ModelReference.Parse("owner/repo"), patience.Token), Throws.TypeOf<DownloadException>().With.Message.Contains("broke off"));
    }

    [Test]
    public async Task ANoteThatCannotBeWrittenIsSaid()
    {
        await using var server = new LocalServer(request => LocalResponse.OfFile(request, File1));
        using var downloader = Downloader(server);
        Directory.CreateDirectory(Path.Combine(_folder, "m.gguf.partial.json"));
        Assert.That(async () => await downloader.DownloadAsync(ModelReference.Parse($"{server.Address}m.gguf"), _folder), Throws.TypeOf<DownloadException>());
    }

    [Test]
    public async Task DigitsOfOtherScriptsCountNoParts()
    {
        await using var server = Hub(("m-Q8_0-00001-of-\u0660\u0660\u0660\u0660\u0662.gguf", File1, null));
        using var downloader = Downloader(server);
        Assert.That((await downloader.ResolveAsync(ModelReference.Parse("owner/repo"))).Length, Is.EqualTo(1));
    }

    [Test]
    public async Task ARedirectToNowhereIsSaid()
    {
        await using var server = new LocalServer(request => LocalResponse.Redirect("//["));
        using var downloader = Downloader(server);
        var error = Assert.ThrowsAsync<DownloadException>(() => downloader.DownloadAsync(ModelReference.Parse($"{server.Address}m.gguf?signature=secret"), _folder));
        Assert.That(error!.Message, Does.Contain("without saying where to").And.Not.Contain("secret"));
    }

    [Test]
    public async Task AServerWithoutRangesBeginsAnew()
    {
        var first = true;
        await using var server = new LocalServer(_ =>
        {
            var isFirst = first;
            first = false;
            return new LocalResponse(200, File1) { Headers = [("ETag", "\"1\"")], BreakAfter = isFirst ? 300_000 : int.MaxValue };
        });
        using var downloader = Downloader(server);
        var model = await downloader.DownloadAsync(ModelReference.Parse($"{server.Address}m.gguf"), _folder);
        Assert.That(File.ReadAllBytes(model.Path), Is.EqualTo(File1));
        Assert.That(server.Requests.Last().RangeStart, Is.GreaterThan(0));
    }

    [Test]
    public async Task ADamagedFileIsThrownAway()
    {
        var damaged = (byte[])File1.Clone();
        damaged[500_000] ^= 1;
        await using var server = Hub(("m-Q4_K_M.gguf", damaged, Sha1));
        using var downloader = Downloader(server);
        var error = Assert.ThrowsAsync<DownloadException>(() => downloader.DownloadAsync(ModelReference.Parse("owner/repo"), _folder));
        Assert.That(error!.Message, Does.Contain("damaged").And.Contain(Sha1));
        Assert.That(Left(), Is.Empty);
    }

    [Test]
    public async Task APartThatWasDamagedIsFetchedOnceMore()
    {
        // What an earlier attempt left is wrong, though the note says that it belongs to the file: the whole is checked, thrown away and fetched again.
        await using var server = Hub(("m-Q4_K_M.gguf", File1, Sha1));
        using var downloader = Downloader(server);
        var target = Path.Combine(_folder, "m-Q4_K_M.gguf");
        File.WriteAllBytes($"{target}.partial", new byte[400_000]);
        new PartialFile(target).Write(new Uri($"{server.Address}owner/repo/resolve/main/m-Q4_K_M.gguf"), File1.Length, Sha1, null);
        var model = await downloader.DownloadAsync(ModelReference.Parse("owner/repo"), _folder);
        Assert.That(File.ReadAllBytes(model.Path), Is.EqualTo(File1));
        Assert.That(server.Requests.Select(request => request.RangeStart), Does.Contain(400_000));
    }

    [Test]
    public async Task AWholeFileIsNotDownloadedAgain()
    {
        await using var server = Hub(("m-Q4_K_M.gguf", File1, Sha1));
        using var downloader = Downloader(server);
        await downloader.DownloadAsync(ModelReference.Parse("owner/repo"), _folder);
        var requests = server.Requests.Count;
        var again = await downloader.DownloadAsync(ModelReference.Parse("owner/repo"), _folder);
        Assert.That(again.Files.Single().WasPresent, Is.True);
        Assert.That(server.Requests.Skip(requests).Select(request => request.Path), Has.None.Contains("/resolve/"));

        // one of the right size but other bytes is replaced
        File.WriteAllBytes(again.Path, new byte[File1.Length]);
        var repaired = await downloader.DownloadAsync(ModelReference.Parse("owner/repo"), _folder);
        Assert.That(repaired.Files.Single().WasPresent, Is.False);
        Assert.That(File.ReadAllBytes(repaired.Path), Is.EqualTo(File1));
    }

    [Test]
    public async Task TheTypeChoosesTheFile()
    {
        var (q4, q8) = (Bytes(4, 1000), Bytes(8, 2000));
        await using var server = Hub(
            ("README.md", [1], null), ("mmproj-Q8_0.gguf", [2], null), ("m-IQ4_K_M.gguf", [3], null), ("m-Q4_K_M.gguf", q4, null), ("m-Q4_K_S.gguf", [4], null), ("m-Q8_0.gguf", q8, null));
        using var downloader = Downloader(server);
        async Task<byte[]> Get(string name) => File.ReadAllBytes((await downloader.DownloadAsync(ModelReference.Parse(name), _folder)).Path);
        Assert.That(await Get("owner/repo:q8_0"), Is.EqualTo(q8));
        Assert.That(await Get("owner/repo:Q4_K_M"), Is.EqualTo(q4));
        Assert.That(await Get("owner/repo"), Is.EqualTo(q4));
        Assert.That(await Get("owner/repo:m-Q4_K_S.gguf"), Is.EqualTo(new byte[] { 4 }));
        var error = Assert.ThrowsAsync<DownloadException>(() => downloader.ResolveAsync(ModelReference.Parse("owner/repo:Q4_K")));
        Assert.That(error!.Message, Does.Contain("no 'Q4_K'").And.Contain("m-Q4_K_M.gguf").And.Not.Contain("mmproj"));
    }

    [Test]
    public async Task ASplitModelComesWithAllParts()
    {
        await using var server = Hub(
            ("Q2_K/m-Q2_K-00001-of-00003.gguf", Bytes(1, 100), null), ("Q2_K/m-Q2_K-00002-of-00003.gguf", Bytes(2, 200), null), ("Q2_K/m-Q2_K-00003-of-00003.gguf", Bytes(3, 300), null));
        using var downloader = Downloader(server);
        var reports = new List<DownloadProgress>();
        var model = await downloader.DownloadAsync(ModelReference.Parse("owner/repo:Q2_K"), _folder, new Reports(reports));
        Assert.That(model.Path, Does.EndWith("m-Q2_K-00001-of-00003.gguf"));
        Assert.That(model.Files.Select(file => file.ByteLength), Is.EqualTo(new long[] { 100, 200, 300 }));
        Assert.That(File.ReadAllBytes(model.Files[2].Path), Is.EqualTo(Bytes(3, 300)));
        Assert.That(reports.Select(report => (report.FileIndex, report.FileCount)).Distinct(), Is.EqualTo(new[] { (0, 3), (1, 3), (2, 3) }));

        // and by the address of any part
        var other = Directory.CreateDirectory(Path.Combine(_folder, "other")).FullName;
        model = await downloader.DownloadAsync(ModelReference.Parse($"{server.Address}owner/repo/resolve/main/Q2_K/m-Q2_K-00002-of-00003.gguf"), other);
        Assert.That(model.Files, Has.Length.EqualTo(3));
        Assert.That(model.Path, Does.EndWith("m-Q2_K-00001-of-00003.gguf"));
    }

    [Test]
    public async Task AnIncompleteSplitModelIsRefused()
    {
        await using var server = Hub(("m-00001-of-00002.gguf", [1], null));
        using var downloader = Downloader(server);
        var error = Assert.ThrowsAsync<DownloadException>(() => downloader.ResolveAsync(ModelReference.Parse("owner/repo")));
        Assert.That(error!.Message, Does.Contain("m-00002-of-00002.gguf"));
    }

    [Test]
    public async Task TheListMayHavePages()
    {
        await using var server = new LocalServer(request => request.Path switch
        {
            "/api/models/owner/repo/tree/main?recursive=true" => LocalResponse.OfText("""[{"type":"directory","path":"x"},{"type":"file","path":"a-Q8_0.gguf","size":3}]""") with { Headers = [("Link", "</api/models/owner/repo/tree/main?cursor=2>; rel=\"next\"")] },
            "/api/models/owner/repo/tree/main?cursor=2" => LocalResponse.OfText("""[{"type":"file","path":"a-Q4_0.gguf","size":4}]"""),
            _ => new LocalResponse(404, []),
        });
        using var downloader = Downloader(server);
        Assert.That((await downloader.ResolveAsync(ModelReference.Parse("owner/repo:Q4_0"))).Single(), Is.EqualTo(new RemoteFile("a-Q4_0.gguf", new Uri($"{server.Address}owner/repo/resolve/main/a-Q4_0.gguf"), 4)));
    }

    [Test]
    public async Task AServerWithTheOlderListWorksToo()
    {
        await using var server = new LocalServer(request => request.Path switch
        {
            "/api/models/owner/repo/revision/v2" => LocalResponse.OfText("""{"siblings":[{"rfilename":"a-Q8_0.gguf"}]}"""),
            "/owner/repo/resolve/v2/a-Q8_0.gguf" => LocalResponse.Redirect("/blob", ("X-Linked-Etag", $"\"{Sha1}\""), ("X-Linked-Size", $"{File1.Length}")),
            "/blob" => LocalResponse.OfFile(request, File1, null),
            _ => new LocalResponse(404, []),
        });
        using var downloader = Downloader(server);
        var model = await downloader.DownloadAsync(ModelReference.Parse("owner/repo:Q8_0") with { Revision = "v2" }, _folder);
        Assert.That(model.Files.Single().Sha256, Is.EqualTo(Sha1), "the redirect names it");
        Assert.That(File.ReadAllBytes(model.Path), Is.EqualTo(File1));
    }

    [Test]
    public async Task TheTokenGoesToTheEndpointOnly()
    {
        await using var storage = new LocalServer(request => LocalResponse.OfFile(request, File1));
        await using var server = new LocalServer(request => request.Headers.GetValueOrDefault("Authorization") != "Bearer secret" ? new LocalResponse(401, [])
            : request.Path.StartsWith("/api", StringComparison.Ordinal) ? LocalResponse.OfText(Tree(("m-Q8_0.gguf", File1, Sha1)))
            : LocalResponse.Redirect($"{storage.Address}blob"));
        using (var stranger = Downloader(server))
        {
            var error = Assert.ThrowsAsync<DownloadException>(() => stranger.ResolveAsync(ModelReference.Parse("owner/repo")));
            Assert.That(error!.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized));
            Assert.That(error.Message, Does.Contain("HF_TOKEN"));
        }

        using var downloader = Downloader(server, token: "secret");
        var model = await downloader.DownloadAsync(ModelReference.Parse("owner/repo"), _folder);
        Assert.That(File.ReadAllBytes(model.Path), Is.EqualTo(File1));
        Assert.That(storage.Requests.Single().Headers, Does.Not.ContainKey("Authorization"));
    }

    [Test]
    public async Task WhatDoesNotExistIsSaidAtOnce()
    {
        await using var server = new LocalServer(_ => new LocalResponse(404, []));
        using var downloader = Downloader(server);
        var error = Assert.ThrowsAsync<DownloadException>(() => downloader.DownloadAsync(ModelReference.Parse($"{server.Address}m.gguf"), _folder));
        Assert.That(error!.StatusCode, Is.EqualTo(HttpStatusCode.NotFound));
        Assert.That(error.Message, Does.Contain("does not exist"));
        Assert.That(server.Requests, Has.Count.EqualTo(1));
        error = Assert.ThrowsAsync<DownloadException>(() => downloader.ResolveAsync(ModelReference.Parse("owner/repo")));
        Assert.That(error!.Message, Does.Contain("owner/repo").And.Contain("does not exist"));
    }

    [Test]
    public async Task ABusyServerIsAskedAgainAndThenGivenUp()
    {
        var busy = 2;
        await using var server = new LocalServer(request => busy-- > 0 ? new LocalResponse(503, []) { Headers = [("Retry-After", "0")] } : LocalResponse.OfFile(request, File1));
        using var downloader = Downloader(server);
        var model = await downloader.DownloadAsync(ModelReference.Parse($"{server.Address}m.gguf"), _folder);
        Assert.That(File.ReadAllBytes(model.Path), Is.EqualTo(File1));
        busy = int.MaxValue;
        var error = Assert.ThrowsAsync<DownloadException>(() => downloader.DownloadAsync(ModelReference.Parse($"{server.Address}n.gguf"), _folder));
        Assert.That(error!.Message, Does.Contain("503"));
    }

    [Test]
    public async Task AStalledConnectionCountsAsBroken()
    {
        var first = true;
        await using var server = new LocalServer(request =>
        {
            var isFirst = first;
            first = false;
            return LocalResponse.OfFile(request, File1) with { BreakAfter = isFirst ? 100_000 : int.MaxValue, Stalls = isFirst };
        });
        using var downloader = new ModelDownloader(new ModelDownloaderOptions { Endpoint = server.Address, RetryDelay = TimeSpan.FromMilliseconds(1), StallTimeout = TimeSpan.FromMilliseconds(300) });
        var model = await downloader.DownloadAsync(ModelReference.Parse($"{server.Address}m.gguf"), _folder);
        Assert.That(File.ReadAllBytes(model.Path), Is.EqualTo(File1));
    }

    [Test]
    public async Task AFullDiskIsSaidAndWhatCameIsKept()
    {
        await using var server = new LocalServer(request => LocalResponse.OfFile(request, File1));
        using var full = new ModelDownloader(new ModelDownloaderOptions { Endpoint = server.Address, RetryDelay = TimeSpan.FromMilliseconds(1) })
        {
            OpenFile = (path, mode) => new FullDisk(path, mode, 250_000),
        };
        var error = Assert.ThrowsAsync<DownloadException>(() => full.DownloadAsync(ModelReference.Parse($"{server.Address}m.gguf"), _folder));
        Assert.That(error!.Message, Does.Contain("No space left").And.Contain("m.gguf.partial"));
        Assert.That(server.Requests, Has.Count.EqualTo(1), "writing again would fail again");
        var kept = new FileInfo(Path.Combine(_folder, "m.gguf.partial")).Length;
        Assert.That(kept, Is.GreaterThan(0));

        using var downloader = Downloader(server);
        var model = await downloader.DownloadAsync(ModelReference.Parse($"{server.Address}m.gguf"), _folder);
        Assert.That(File.ReadAllBytes(model.Path), Is.EqualTo(File1));
        Assert.That(server.Requests.Last().RangeStart, Is.EqualTo(kept));
    }

    [Test]
    public async Task AFolderThatCannotBeMadeIsSaid()
    {
        await using var server = new LocalServer(request => LocalResponse.OfFile(request, File1));
        using var downloader = Downloader(server);
        var inTheWay = Path.Combine(_folder, "file");
        File.WriteAllText(inTheWay, "");
        var error = Assert.ThrowsAsync<DownloadException>(() => downloader.DownloadAsync(ModelReference.Parse($"{server.Address}m.gguf"), Path.Combine(inTheWay, "folder")));
        Assert.That(error!.Message, Does.Contain("folder"));
    }

    [Test]
    public async Task AWebPageIsNoModel()
    {
        await using var server = new LocalServer(_ => LocalResponse.OfText("<html>", "text/html; charset=utf-8"));
        using var downloader = Downloader(server);
        var error = Assert.ThrowsAsync<DownloadException>(() => downloader.DownloadAsync(ModelReference.Parse($"{server.Address}m.gguf"), _folder));
        Assert.That(error!.Message, Does.Contain("web page"));
        Assert.That(Left(), Is.Empty);
    }

    [Test]
    public async Task NamesThatLeadOutOfTheFolderAreRefused()
    {
        await using var server = new LocalServer(request => request.Path.StartsWith("/api", StringComparison.Ordinal)
            ? LocalResponse.OfText("""[{"type":"file","path":"x/..\\..\\evil-Q4_K_M.gguf","size":1}]""") : new LocalResponse(200, [1]));
        using var downloader = Downloader(server);
        Assert.ThrowsAsync<DownloadException>(() => downloader.ResolveAsync(ModelReference.Parse("owner/repo")));
        Assert.ThrowsAsync<DownloadException>(() => downloader.DownloadAsync([new RemoteFile("../evil.gguf", server.Address)], _folder));
    }

    [Test]
    public async Task EndlessRedirectsEnd()
    {
        await using var server = new LocalServer(_ => LocalResponse.Redirect("/again"));
        using var downloader = Downloader(server);
        var error = Assert.ThrowsAsync<DownloadException>(() => downloader.DownloadAsync(ModelReference.Parse($"{server.Address}m.gguf"), _folder));
        Assert.That(error!.Message, Does.Contain("redirects more than"));
    }

    [Test]
    public async Task AClientOfTheCallerIsUsedAndLeftAlone()
    {
        await using var server = Hub(("m-Q4_K_M.gguf", File1, Sha1));
        using var client = new HttpClient();
        client.DefaultRequestHeaders.Add("X-Mine", "yes");
        using (var downloader = new ModelDownloader(new ModelDownloaderOptions { Endpoint = server.Address }, client))
        {
            await downloader.DownloadAsync(ModelReference.Parse("owner/repo"), _folder);
        }

        Assert.That(server.Requests.All(request => request.Headers.ContainsKey("X-Mine")));
        Assert.That(async () => await client.GetAsync(server.Address), Throws.Nothing);
    }

    private static byte[] Bytes(int seed, int count)
    {
        var bytes = new byte[count];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    private static ModelDownloader Downloader(LocalServer server, string? token = null) =>
        new(new ModelDownloaderOptions { Endpoint = server.Address, Token = token, RetryDelay = TimeSpan.FromMilliseconds(1), Retries = 2 });

    /// <summary>A server with one repository, owner/repo.</summary>
    private static LocalServer Hub(params (string Path, byte[] Content, string? Sha256)[] files) => new(request =>
    {
        if (request.Path == "/api/models/owner/repo/tree/main?recursive=true")
        {
            return LocalResponse.OfText(Tree(files));
        }

        var found = files.FirstOrDefault(file => request.Path == $"/owner/repo/resolve/main/{file.Path}");
        return found.Content is null ? new LocalResponse(404, []) : LocalResponse.OfFile(request, found.Content);
    });

    private static string Tree(params (string Path, byte[] Content, string? Sha256)[] files) => JsonSerializer.Serialize(files.Select(file => new
    {
        type = "file",
        path = file.Path,
        size = file.Content.Length,
        lfs = file.Sha256 is null ? null : new { oid = file.Sha256, size = file.Content.Length },
    }));

    private string[] Left() => [.. Directory.EnumerateFiles(_folder).Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal)];

    private sealed class Reports(List<DownloadProgress> reports, Action<DownloadProgress>? then = null) : IProgress<DownloadProgress>
    {
        public void Report(DownloadProgress value)
        {
            reports.Add(value);
            then?.Invoke(value);
        }
    }

    private sealed class FullDisk(string path, FileMode mode, long room) : FileStream(path, mode, FileAccess.ReadWrite, FileShare.None, 1)
    {
        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (Position + buffer.Length > room)
            {
                throw new IOException("No space left on device");
            }

            await base.WriteAsync(buffer, cancellationToken);
        }
    }

    /// <summary>Waits at the gate when so many bytes are written.</summary>
    private sealed class SlowDisk(string path, FileMode mode, long length, TaskCompletionSource isWriting, SemaphoreSlim gate) : FileStream(path, mode, FileAccess.ReadWrite, FileShare.None, 1)
    {
        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await base.WriteAsync(buffer, cancellationToken);
            if (Position >= length && isWriting.TrySetResult())
            {
                await gate.WaitAsync(cancellationToken);
            }
        }
    }

    private sealed class FlushedDisk(string path, FileMode mode, Action flushed) : FileStream(path, mode, FileAccess.ReadWrite, FileShare.None, 1)
    {
        public override void Flush(bool flushToDisk)
        {
            base.Flush(flushToDisk);
            if (flushToDisk)
            {
                flushed();
            }
        }
    }
}
