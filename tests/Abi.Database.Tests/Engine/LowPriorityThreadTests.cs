using System.Globalization;
using Abi.Database.Engine;

namespace Abi.Database.Tests.Engine;

/// <summary>Work that is done with a small share of a processor.</summary>
public sealed class LowPriorityThreadTests
{
    [Test]
    public void RunsWorkOnItsThreadAndPassesOnWhatBecameOfIt()
    {
        using var thread = new LowPriorityThread("low");
        var names = new List<string?>();
        for (var i = 0; i < 3; i++)
        {
            Assert.That(thread.Run(() => Note(false)), Is.False);
            Assert.That(thread.Run(() => Note(true)), Is.True);
            Assert.That(() => thread.Run(() => throw new InvalidDataException("no")), Throws.TypeOf<InvalidDataException>().With.Message.EqualTo("no"));
        }

        Assert.That(names, Is.All.EqualTo("low").And.Exactly(6).Items);

        bool Note(bool result)
        {
            names.Add(Thread.CurrentThread.Name);
            return result;
        }
    }

    /// <summary>Whoever has work done keeps its share, as do the threads that it starts.</summary>
    [Test]
    public void OnlyItsThreadGivesWay()
    {
        if (!File.Exists(Status))
        {
            Assert.Ignore("This system does not tell how nice a thread is.");
        }

        using var thread = new LowPriorityThread("low");
        var (before, low) = (Nice(), 0);
        thread.Run(() =>
        {
            low = Nice();
            return true;
        });
        var started = 0;
        var other = new Thread(() => started = Nice());
        other.Start();
        other.Join();
        Assert.That(low, Is.EqualTo(Math.Max(before, 10)));
        Assert.That((Nice(), started), Is.EqualTo((before, before)));
    }

    private const string Status = "/proc/thread-self/stat";

    // The 19th field; the second, in parentheses, may have spaces.
    private static int Nice()
    {
        var text = File.ReadAllText(Status);
        return int.Parse(text[(text.LastIndexOf(')') + 2)..].Split(' ')[16], CultureInfo.InvariantCulture);
    }
}
