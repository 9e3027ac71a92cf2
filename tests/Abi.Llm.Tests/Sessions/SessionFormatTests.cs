using Abi.Compute.Devices;
using Abi.Llm.Sessions;

namespace Abi.Llm.Tests.Sessions;

/// <summary>A session whose checksum fits is still only taken when its state fits its tokens.</summary>
public sealed class SessionFormatTests
{
    private const int Length = StateStore.PageLength + 1;
    private static readonly byte[] Page = [1, 2, 3];
    private static readonly SessionShape Shape = new(new byte[32], "kind", VocabularySize: 10, ContextLength: 4 * StateStore.PageLength, Windows: [0, 0], PageBytes: Page.Length, SlotBytes: 0);
    private static readonly SessionSnapshot Whole = new(new int[Length + 1], [5, 6], null, Length, [new SessionPages(Length, [Page, Page]), new SessionPages(2, [Page])], null);

    [Test]
    public void AWholeSessionComesBack()
    {
        var read = Read(Whole, Shape);
        Assert.That(read.Tokens, Is.EqualTo(Whole.Tokens));
        Assert.That(read.EncoderTokens, Is.EqualTo(Whole.EncoderTokens));
        Assert.That(read.Groups.SelectMany(group => group.Pages), Is.EqualTo(new[] { Page, Page, Page }));
    }

    [Test]
    public void StateThatDoesNotFitItsTokensIsRefused()
    {
        Refused(Whole with { Groups = [Whole.Groups[0], new SessionPages(Length, [Page, Page])] }, Shape); // would be written over pages of others
        Refused(Whole with { EncoderTokens = [] }, Shape);
        Refused(Whole with { Groups = [Whole.Groups[0]] }, Shape);
        Refused(Whole with { Groups = [new SessionPages(Length - 1, [Page]), Whole.Groups[1]] }, Shape);
        Refused(Whole with { Groups = [new SessionPages(Length, [Page, null]), Whole.Groups[1]] }, Shape); // would be read as others left it
        Refused(Whole with { Groups = [new SessionPages(Length, [null, Page]), Whole.Groups[1]] }, Shape);
    }

    [Test]
    public void APageBehindItsWindowMayBeAbsent()
    {
        var passed = Whole with { Groups = [new SessionPages(Length, [null, Page]), Whole.Groups[1]] };
        Assert.That(Read(passed, Shape with { Windows = [2, 0] }).Groups[0].Pages, Is.EqualTo(new[] { null, Page }));
        Refused(passed, Shape with { Windows = [3, 0] });
    }

    [Test]
    public void TokensForAnEncoderThatTheModelHasNotAreRefused()
    {
        var snapshot = Whole with { Cached = 0, Groups = [] };
        Assert.That(Read(snapshot, Shape).EncoderTokens, Is.EqualTo(Whole.EncoderTokens));
        Assert.That(() => Read(snapshot, Shape with { Windows = [0] }), Throws.TypeOf<SessionFormatException>().With.Message.Contains("2 encoder tokens; 0 to 0"));
    }

    private static void Refused(SessionSnapshot snapshot, SessionShape shape) =>
        Assert.That(() => Read(snapshot, shape), Throws.TypeOf<SessionFormatException>().With.Message.Contains("does not fit its tokens"));

    private static SessionSnapshot Read(SessionSnapshot snapshot, SessionShape shape)
    {
        using var stream = new MemoryStream();
        SessionFormat.Write(stream, snapshot, shape);
        stream.Position = 0;
        return SessionFormat.Read(stream, shape);
    }
}
