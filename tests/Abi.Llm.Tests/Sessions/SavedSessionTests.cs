using System.Security.Cryptography;
using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Llm.Engine;
using Abi.Llm.Sampling;
using Abi.Llm.Tests.Engine;

namespace Abi.Llm.Tests.Sessions;

/// <summary>A saved session goes on as if it had never ended, and nothing but a whole one of the same model is taken.</summary>
public sealed class SavedSessionTests
{
    private static readonly EngineOptions Exact = new() { CacheType = TensorType.F32, Activations = ActivationPrecision.Exact, ContextLength = 256 };

    private static GenerationOptions Tokens(int count, bool resume = false) => new()
    {
        MaximumTokens = count, IgnoreEndOfGeneration = true, Sampling = new SamplingOptions { Temperature = 1, Seed = 5, XtcProbability = 0.3f, XtcThreshold = 0.01f },
        LogProbabilities = 0, ResumeSampling = resume,
    };

    [TestCase("llama.gguf")]
    [TestCase("gemma3.gguf")]
    [TestCase("mamba.gguf")]
    public async Task ARestoredSessionGoesOnWithTheSameBits(string file)
    {
        float[] whole;
        int[] prompt;
        using var saved = new MemoryStream();
        await using (var model = await TestModels.LoadAsync("models", file, Exact))
        {
            prompt = TestModels.Ids(75, model.Engine.VocabularySize, 1);
            whole = await RunAsync(model.Engine.Start(prompt, Tokens(20)));
            using var session = model.CreateSession();
            Assert.That(await RunAsync(session.Start(prompt, Tokens(8))), Is.EqualTo(whole[..16]));
            await session.SaveAsync(saved);
        }

        saved.Position = 0;
        await using var later = await TestModels.LoadAsync("models", file, Exact);
        using var restored = await later.RestoreSessionAsync(saved);
        Assert.That(restored.Count, Is.EqualTo(83));
        Assert.That(restored.CachedCount, Is.EqualTo(82), "the last token's state is computed with the next one");
        Assert.That(await RunAsync(restored.Start([], Tokens(12, resume: true))), Is.EqualTo(whole[16..]));
    }

    [TestCase("llama.gguf")]
    [TestCase("gemma3.gguf")]
    public async Task ASavedSessionHasNothingOfOthers(string file)
    {
        var contents = new List<byte[]>();
        foreach (var isAlone in (bool[])[true, false])
        {
            await using var model = await TestModels.LoadAsync("models", file, Exact with { CacheTokens = 256, ReusePrefixes = false });
            if (!isAlone)
            {
                using var other = model.CreateSession();
                await RunAsync(other.Start(TestModels.Ids(250, model.Engine.VocabularySize, 2), Tokens(3)));
            }

            using var session = model.CreateSession();
            await RunAsync(session.Start(TestModels.Ids(40, model.Engine.VocabularySize, 1), Tokens(20)));
            session.Rewind(45);
            using var saved = new MemoryStream();
            await session.SaveAsync(saved);
            contents.Add(saved.ToArray());
        }

        Assert.That(contents[1], Is.EqualTo(contents[0]));
    }

    [Test]
    public async Task WhatAKilledSaveLeftIsTakenAway()
    {
        var folder = Directory.CreateTempSubdirectory("abi-session").FullName;
        try
        {
            var path = Path.Combine(folder, "saved");
            await using var model = await TestModels.LoadAsync("models", "llama.gguf", Exact);
            using var session = model.CreateSession();
            await RunAsync(session.Start([3, 4], Tokens(3)));
            var left = $"{path}.{Guid.NewGuid():N}.part";
            await File.WriteAllTextAsync(left, "left");
            File.SetLastWriteTimeUtc(left, DateTime.UtcNow.AddMinutes(-2));
            await Task.WhenAll(session.SaveAsync(path), session.SaveAsync(path)); // one leaves the other alone
            Assert.That(Directory.GetFiles(folder), Is.EqualTo(new[] { path }));
            using var restored = await model.RestoreSessionAsync(path);
            Assert.That(restored.GetIds(), Is.EqualTo(session.GetIds()));
            var error = Assert.ThrowsAsync<AbiException>(() => session.SaveAsync(Path.Combine(folder, "none", "saved")));
            Assert.That(error!.Message, Does.Contain("none").And.Not.Contain(".part"));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Test]
    public async Task MirostatGoesOnToo()
    {
        await using var model = await TestModels.LoadAsync("models", "llama.gguf", Exact);
        var options = Tokens(10) with { Sampling = new SamplingOptions { Seed = 3, Mirostat = MirostatMode.Version2 } };
        var prompt = TestModels.Ids(5, model.Engine.VocabularySize, 1);
        var whole = await RunAsync(model.Engine.Start(prompt, options with { MaximumTokens = 20 }));
        using var session = model.CreateSession();
        await RunAsync(session.Start(prompt, options));
        using var saved = new MemoryStream();
        await session.SaveAsync(saved);
        saved.Position = 0;
        using var restored = await model.RestoreSessionAsync(saved);
        Assert.That(() => restored.Start([], Tokens(10, resume: true)), Throws.TypeOf<AbiException>().With.Message.Contains("mirostat"));
        Assert.That(await RunAsync(restored.Start([], options with { ResumeSampling = true })), Is.EqualTo(whole[20..]));
    }

    [Test]
    public async Task StateThatFindsNoRoomIsComputedAnew()
    {
        await using var model = await TestModels.LoadAsync("models", "llama.gguf", Exact with { CacheTokens = 1 });
        var prompt = TestModels.Ids(150, model.Engine.VocabularySize, 1);
        using var session = model.CreateSession();
        await RunAsync(session.Start(prompt, Tokens(4)));
        using var saved = new MemoryStream();
        await session.SaveAsync(saved);
        saved.Position = 0;
        using var busy = model.Engine.Start(TestModels.Ids(200, model.Engine.VocabularySize, 2), Tokens(40) with { BufferedTokens = 1 });
        using var restored = await model.RestoreSessionAsync(saved);
        Assert.That(restored.Count, Is.EqualTo(154));
        busy.Dispose();
        var expected = await RunAsync(session.Start([], Tokens(4, resume: true)));
        Assert.That(await RunAsync(restored.Start([], Tokens(4, resume: true))), Is.EqualTo(expected));
    }

    [Test]
    public async Task AFileIsWholeOrNotThere()
    {
        var folder = Directory.CreateTempSubdirectory("abi-session");
        try
        {
            var path = Path.Combine(folder.FullName, "story.session");
            await using var model = await TestModels.LoadAsync("models", "llama.gguf", Exact);
            using var session = model.CreateSession();
            await RunAsync(session.Start([3, 4, 5], Tokens(3)));
            await session.SaveAsync(path);
            await session.SaveAsync(path);
            Assert.That(folder.GetFiles(), Has.Length.EqualTo(1));
            using var restored = await model.RestoreSessionAsync(path);
            Assert.That(restored.GetIds(), Is.EqualTo(session.GetIds()));
            Assert.That(async () => await session.SaveAsync(Path.Combine(folder.FullName, "absent", "x")), Throws.TypeOf<AbiException>().With.Message.Contains("cannot be written").And.Message.Not.Contains(".tmp"));
            Assert.That(async () => await model.RestoreSessionAsync(Path.Combine(folder.FullName, "absent")), Throws.TypeOf<AbiException>().With.Message.Contains("no saved session at"));
            await File.WriteAllBytesAsync(path, [.. "GGUF\u0001\u0002\u0003~"u8, .. new byte[100]]);
            Assert.That(
                async () => await model.RestoreSessionAsync(path), Throws.TypeOf<SessionFormatException>().With.Message.Contains(path).And.Message.Contains("it begins with 'GGUF...~', not with 'ABISESSN'"));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Test]
    public async Task AnotherModelsOrADamagedSessionIsRefused()
    {
        await using var model = await TestModels.LoadAsync("models", "llama.gguf", Exact);
        using var session = model.CreateSession();
        await RunAsync(session.Start(TestModels.Ids(40, model.Engine.VocabularySize, 1), Tokens(3)));
        using var stream = new MemoryStream();
        await session.SaveAsync(stream);
        var bytes = stream.ToArray();

        await using var other = await TestModels.LoadAsync("models", "qwen2.gguf", Exact);
        Refused(other, bytes, "another model");
        await using var half = await TestModels.LoadAsync("models", "llama.gguf", Exact with { CacheType = TensorType.F16 });
        Refused(half, bytes, "F16");
        Refused(model, [], "too early");
        Refused(model, [.. "GGUF"u8, .. new byte[100]], "not a saved session");
        var newer = bytes.ToArray();
        newer[8]++;
        Refused(model, newer, "has version 2; this release reads version 1");
        var random = new Random(1);
        for (var round = 0; round < 200; round++)
        {
            var damaged = bytes.ToArray();
            damaged[random.Next(damaged.Length)] ^= (byte)(1 << random.Next(8));
            Refused(model, damaged, null);
            Refused(model, bytes[..random.Next(bytes.Length)], null);
        }
    }

    /// <summary>A checksum says nothing about who made a file: what its state is, only the session itself may find out.</summary>
    [TestCase("llama.gguf")]
    [TestCase("mamba.gguf")]
    public async Task StateOfAMadeUpFileIsNobodyElses(string file)
    {
        var options = Exact with { CheckpointInterval = 16 };
        await using var model = await TestModels.LoadAsync("models", file, options);
        byte[] bytes;
        int[] text;
        using (var session = model.CreateSession())
        {
            await RunAsync(session.Start(TestModels.Ids(96, model.Engine.VocabularySize, 1), Tokens(1)));
            text = session.GetIds();
            using var saved = new MemoryStream();
            await session.SaveAsync(saved);
            bytes = saved.ToArray();
        }

        // the end of the last page, behind which comes the length of a recurrent state that is not there, or most of the recurrent state; then the checksum
        const int Digest = 32;
        var (end, length) = file == "llama.gguf" ? (bytes.Length - Digest - sizeof(int), 256) : (bytes.Length - Digest, bytes.Length / 2);
        bytes.AsSpan(end - length, length).Clear();
        SHA256.HashData(bytes.AsSpan(0, bytes.Length - Digest), bytes.AsSpan(bytes.Length - Digest));

        await using var later = await TestModels.LoadAsync("models", file, options);
        using (var restored = await later.RestoreSessionAsync(new MemoryStream(bytes)))
        {
            using var fork = restored.Fork();
            foreach (var made in new[] { restored, fork })
            {
                await RunAsync(made.Start([5, 6, 7], Tokens(20)));
                Assert.That(made.GetIds()[..text.Length], Is.EqualTo(text));
            }

            text = [.. restored.GetIds(), 8, 9];
        }

        Assert.That(await RunAsync(later.Engine.Start(text, Tokens(6))), Is.EqualTo(await RunAsync(model.Engine.Start(text, Tokens(6)))));
    }

    private static void Refused(LanguageModel model, byte[] bytes, string? message)
    {
        using var stream = new MemoryStream(bytes);
        var error = Assert.ThrowsAsync<SessionFormatException>(async () => await model.RestoreSessionAsync(stream));
        Assert.That(error!.Message, Does.Contain(message ?? string.Empty));
    }

    private static async Task<float[]> RunAsync(GenerationStream stream)
    {
        var bits = new List<float>();
        await foreach (var piece in stream.ReadPiecesAsync())
        {
            bits.AddRange(piece.Tokens.SelectMany(token => new[] { token.Id, token.LogProbability }));
        }

        return [.. bits];
    }
}
