using System.Security.Cryptography;
using Abi.Database.Encryption;

namespace Abi.Database.Tests.Encryption;

/// <summary>One key for many threads, and its end.</summary>
public sealed class AuthenticatedCipherTests
{
    /// <summary>Who reads while the database is closed is told of that, not of damage: a key of which a part is zero already opens nothing.</summary>
    [Test]
    public void AKeyThatIsTakenAwayIsNoDamage()
    {
        const int Rounds = 50_000;
        var secret = RandomNumberGenerator.GetBytes(AuthenticatedCipher.KeyBytes);
        var stored = new byte[64 + AuthenticatedCipher.TagBytes];
        using (var writer = Create())
        {
            writer.Seal(7, [], new byte[64], stored);
        }

        var (cipher, opened, closed, damaged) = (Create(), 0, 0, 0);
        var (begun, done) = (0, 0); // rounds
        var reader = new Thread(() =>
        {
            for (var round = 1; round <= Rounds; round++)
            {
                Await(ref begun, round);
                try
                {
                    _ = cipher.TryOpen(7, [], stored, new byte[64]) ? opened++ : damaged++;
                }
                catch (ObjectDisposedException)
                {
                    closed++;
                }

                Volatile.Write(ref done, round);
            }
        });
        reader.Start();
        for (var round = 1; round <= Rounds; round++)
        {
            Volatile.Write(ref begun, round);
            Thread.SpinWait(round % 500);
            cipher.Dispose();
            Await(ref done, round);
            cipher = Create();
        }

        reader.Join();
        Assert.That(damaged, Is.Zero, $"{opened} were opened, {closed} came too late");

        // Not by the system, which would let one go long after the other.
        static void Await(ref int round, int wanted)
        {
            for (var wait = default(SpinWait); Volatile.Read(ref round) < wanted;)
            {
                wait.SpinOnce(sleep1Threshold: -1);
            }
        }

        AuthenticatedCipher Create()
        {
            var key = AuthenticatedCipher.NewKey();
            secret.CopyTo(key, 0);
            return new AuthenticatedCipher(key);
        }
    }
}
