namespace Abi.Llm.Tests;

public sealed class GenerationStreamTests
{
    /// <summary>A wait that was given up, as one with a limit of time is, is ended later on, and ends none that was begun since.</summary>
    [Test]
    public async Task AWaitThatWasGivenUpEndsNoOther()
    {
        var stream = new GenerationStream(null!, bufferedTokens: 16, seed: 1);
        var buffer = new byte[16];
        for (var round = 0; round < 20_000; round++)
        {
            _ = stream.WaitToReadAsync().AsTask(); // nobody waits for it
            stream.Push("a"u8, []);
            Assert.That(stream.TryRead(buffer), Is.EqualTo(1));
            var wait = stream.WaitToReadAsync().AsTask();
            if (round % 2 == 0)
            {
                Thread.SpinWait(round % 200);
            }

            Assert.That(wait.IsCompleted, Is.False, $"round {round}: there is nothing to read");
            stream.Push("b"u8, []);
            Assert.That(await wait.WaitAsync(TimeSpan.FromMinutes(1)), Is.True);
            Assert.That(stream.TryRead(buffer), Is.EqualTo(1));
        }
    }
}
